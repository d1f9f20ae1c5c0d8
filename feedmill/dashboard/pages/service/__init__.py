"""What an operator keeps in order: tokens, webhooks, the plan, the system."""
