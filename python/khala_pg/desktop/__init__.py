"""`khala desktop`: a status window and a tray icon, on `khala_pg.client`.

`model` and `settings` know nothing of Qt, `follower` neither: it runs the client in a thread of its
own. `qt` shows what they have.
"""
