"""What is seen: shots, text on the screen, features. Nothing heavy is imported before an operator opens."""
