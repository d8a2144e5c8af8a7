"""Where a relay keeps its things when nobody says otherwise: a user's own folders, by platform."""

from __future__ import annotations

from pathlib import Path

import platformdirs

APPLICATION = "hushpost-relay"
FILE_NAME = "relay.toml"


def default_data_folder() -> Path:
    """Return the folder of database and identity key."""
    return Path(platformdirs.user_data_dir(APPLICATION))


def default_file() -> Path:
    """Return where the configuration is looked for when none is named."""
    return Path(platformdirs.user_config_dir(APPLICATION)) / FILE_NAME
