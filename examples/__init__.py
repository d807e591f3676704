"""Programs that use the library ``network``, to be read and changed."""
