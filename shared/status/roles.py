"""What people may do on the page, as the app roles of their sign-in say. Pure."""

from enum import IntEnum, auto

from shared.vocabulary import FileOrder


class Role(IntEnum):
    """How much a person may do on the page: each role may do all that those before it may."""

    SEE = auto()
    SEND = auto()
    """Drop files, fix rows, send rows again; hold and stop a file."""
    MANAGE = auto()
    """Withdraw, remove and move devices, name customers; hold a customer or everything."""

    @property
    def app_role(self) -> str:
        """The value of the app role, by which a token says that the person has it (infra/register.py makes them)."""
        return f"DeviceDrop.{self.name.capitalize()}"


def role_to_send(order: FileOrder) -> Role:
    """The role that a person needs to send a file of this order, or rows of it again."""
    return Role.SEND if order is FileOrder.REGISTER else Role.MANAGE
