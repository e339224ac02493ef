"""Teams, keys, budgets, holds and jobs: the truth about money.

Entries are append-only; balances are rolled up in the same transaction; nothing is acknowledged before it is durable.
The rule that never breaks, under any concurrency: settled + held <= limit.
"""
