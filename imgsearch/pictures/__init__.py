"""Pictures and folders of them: bytes or a path -> upright RGB; items; regions; thumbnails."""
