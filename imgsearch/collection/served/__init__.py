"""Collections that live on a server: searched, shown and measured from here, kept there."""
