"""An example plugin for EE: copy it to begin your own."""
