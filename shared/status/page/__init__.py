"""The page that people see, made of the records that scripts get as JSON.

`doors` answers requests, `asking` reads what an address asks for, `pages` makes the HTML with `rendering`; the rest are
its parts: `story`, `bars`, `words`, `text`, `search`, `static_files`.
"""
