"""`python -m local.partner_center`: see the package."""

from local.partner_center.command_line import main

if __name__ == "__main__":
    main()
