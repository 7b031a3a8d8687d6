"""Who may do what, where many people share one workbench: sign-in, roles, ownership, quotas, the audit log.

Only where the home holds a settings file (`hosting.toml`). Without one everybody who reaches the workbench is the
machine's own user, who may do everything, and nothing of this is written or asked.

<home>/
    hosting.toml             the settings (settings.py)
    people/<id>.json         name, e-mail and role of everybody who signed in, for people's eyes (people.py)
    people/<id>.owns         ids of the runs that this person asked for, and own data sets, one a line (owners.py)
    private/<id>/            the runs that this person has not shared (private.py)
    audit.jsonl              who did what to which run when, one line each, only ever added to (audit.py)
"""
