"""Where engines live: in a process of their own, in a thread of this one, on other machines."""
