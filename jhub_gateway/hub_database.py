"""Which database a hub has: an id of its own, kept in the database itself.

A hub's name and its secrets are settings, which two hubs may share by mistake. What servers there
are only the database knows, so that a hub may end those of its own database and of no other. A
copy of a database has the same id: restore one, or move it, but don't run hubs on both.
"""

from secrets import token_hex

from sqlalchemy import Column, MetaData, Table, Unicode, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

_TABLE = Table(
    "jhub_gateway",
    MetaData(),
    Column("name", Unicode(63), primary_key=True),
    Column("value", Unicode(255), nullable=False),
)
_NAME = "database-id"


def get_database_id(db: Session) -> str:
    """Return the database's id, 16 hexadecimal digits; make one if it has none yet.

    Nothing of the session may be uncommitted. Raises SQLAlchemyError.
    """
    try:
        return _find_or_make(db)
    except SQLAlchemyError:
        # Another hub at this database may have been quicker, and its id is there now.
        db.rollback()
        return _find_or_make(db)


def _find_or_make(db: Session) -> str:
    _TABLE.create(db.connection(), checkfirst=True)
    found = db.execute(select(_TABLE.c.value).where(_TABLE.c.name == _NAME)).scalar()
    if found is None:
        found = token_hex(8)
        db.execute(insert(_TABLE).values(name=_NAME, value=found))
    db.commit()
    return str(found)
