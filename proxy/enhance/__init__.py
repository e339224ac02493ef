"""Prompts written out in more detail before they are sent: by words of our own, or by a chat model."""

from proxy.enhance.chat import Chat
from proxy.enhance.contract import NAME, Enhancer, Written
from proxy.enhance.words import Words

__all__ = ["NAME", "Chat", "Enhancer", "Words", "Written"]
