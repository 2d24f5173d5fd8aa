"""Programs, images and lists of parts: everything that is built or fetched before a service can start."""
