"""`aezip view`: a page that decodes in the browser, served to this machine only.

server     the page, the file and the model over HTTP
web/       the page and the decoder, built from runtime/web
"""
