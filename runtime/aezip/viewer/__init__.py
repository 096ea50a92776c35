"""`aezip view`: a page that decodes in the browser, built from runtime/web to `web/` and served by `server`."""
