"""The health of the app: thirteen checks of settings, storage, sign-in, Partner Center and the app's own work.

Each check asks something small and decides by the answer. They run side by side, within a time, for the page, for
scripts and for `python -m local doctor`.
"""
