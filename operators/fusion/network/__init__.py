"""The fusion model in torch. The one place of this package where torch is imported at once: nothing else may import it
but in a function."""
