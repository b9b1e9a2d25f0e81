package inbox

import "golang.org/x/sys/unix"

// diskSystem is the file system of a directory.
type diskSystem struct {
	name    string
	network bool // locks and syncs go to another machine
	memory  bool // nothing is on a disk
}

// These are the ones that are no place for an inbox, by statfs(2).
var diskSystems = map[int64]diskSystem{
	0x6969:     {name: "NFS", network: true},
	0x517b:     {name: "SMB", network: true},
	0xff534d42: {name: "CIFS", network: true},
	0xfe534d42: {name: "SMB2", network: true},
	0x01021997: {name: "9P", network: true},
	0x5346414f: {name: "AFS", network: true},
	0x00c36400: {name: "Ceph", network: true},
	0x0bd00bd0: {name: "Lustre", network: true},
	0x47504653: {name: "GPFS", network: true},
	0x7461636f: {name: "OCFS2", network: true},
	0x01161970: {name: "GFS2", network: true},
	0x01021994: {name: "tmpfs", memory: true},
	0x858458f6: {name: "ramfs", memory: true},
}

func fileSystem(dir string) (diskSystem, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return diskSystem{}, err
	}
	return diskSystems[int64(uint32(fs.Type))], nil
}

// freeBytes is the space that this user may still fill on the disk of a path.
func freeBytes(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
