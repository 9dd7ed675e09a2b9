"""The page that people see, made from the records that scripts get as JSON.

`handlers` answers requests, `form_parameters` reads the fields of forms, `pages` makes the HTML with `rendering` from
`summary`, `bars`, `labels` and `text`. `search` finds a serial number, `static_files` serves style and script.
"""
