"""A folder on another machine is told from one that is here."""

from pathlib import Path

import pytest

from ee_core.local.mounts import find_network_mount, network_mount_in

TABLE = r"""
/dev/vda / ext4 rw 0 0
server:/export /srv nfs4 rw 0 0
/dev/vdb /srv/local xfs rw 0 0
//nas/share /mnt/my\040share cifs rw 0 0
me@host: /home/me/far fuse.sshfs rw 0 0
/dev/fuse /home/me/near fuse.ntfs-3g rw 0 0
server:/old /data nfs rw 0 0
/dev/vdc /data ext4 rw 0 0
""".lstrip()


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/var/lib/ee", None),
        ("/srv", "nfs4 on /srv"),
        ("/srv/ee/deep", "nfs4 on /srv"),
        ("/srv/local/ee", None),
        ("/srvother", None),
        ("/mnt/my share/ee", "cifs on /mnt/my share"),
        ("/home/me/far", "fuse.sshfs on /home/me/far"),
        ("/home/me/near", None),
        ("/data/ee", None),
    ],
)
def test_the_nearest_mount_decides(folder, expected):
    assert network_mount_in(TABLE, Path(folder)) == expected


def test_the_folder_of_this_test_is_here(tmp_path):
    assert find_network_mount(tmp_path) is None
