/*
 * The interface identifiers, one object each: code may compare their addresses.
 *
 * <sluice/...> ones come from SLUICE_GUID; the number of each is next to its declaration.
 */
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/com/listener_fanout.h>
#include <oskit/com/pipe.h>
#include <oskit/com/services.h>
#include <oskit/com/stream.h>
#include <oskit/dev/blk.h>
#include <oskit/dev/bus.h>
#include <oskit/dev/clock.h>
#include <oskit/dev/device.h>
#include <oskit/dev/driver.h>
#include <oskit/dev/ethernet.h>
#include <oskit/dev/net.h>
#include <oskit/dev/timer.h>
#include <oskit/dev/tty.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/dirents.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/fs/fsnamespace.h>
#include <oskit/fs/openfile.h>
#include <oskit/io/absio.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <oskit/io/bufio_stream.h>
#include <oskit/io/bufiovec.h>
#include <oskit/io/netio.h>
#include <oskit/io/netio_fanout.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <oskit/net/socket.h>

#include <sluice/blockqueue.h>
#include <sluice/dynamic.h>
#include <sluice/epoll.h>
#include <sluice/filesystemx.h>
#include <sluice/filex.h>
#include <sluice/netqueue.h>
#include <sluice/pipe.h>
#include <sluice/pty.h>
#include <sluice/readiness.h>
#include <sluice/sync.h>
#include <sluice/sgbuf.h>
#include <sluice/socket.h>
#include <sluice/terminal.h>
#include <sluice/timerfd.h>
#include <sluice/vecio.h>

const struct oskit_guid oskit_iunknown_iid = OSKIT_IUNKNOWN_IID;
const struct oskit_guid oskit_listener_iid = OSKIT_LISTENER_IID;
const struct oskit_guid oskit_listener_fanout_iid = OSKIT_LISTENER_FANOUT_IID;
const struct oskit_guid oskit_pipe_iid = OSKIT_PIPE_IID;
const struct oskit_guid oskit_services_iid = OSKIT_SERVICES_IID;
const struct oskit_guid oskit_stream_iid = OSKIT_STREAM_IID;
const struct oskit_guid oskit_blkdev_iid = OSKIT_BLKDEV_IID;
const struct oskit_guid oskit_bus_iid = OSKIT_BUS_IID;
const struct oskit_guid oskit_clock_iid = OSKIT_CLOCK_IID;
const struct oskit_guid oskit_device_iid = OSKIT_DEVICE_IID;
const struct oskit_guid oskit_driver_iid = OSKIT_DRIVER_IID;
const struct oskit_guid oskit_etherdev_iid = OSKIT_ETHERDEV_IID;
const struct oskit_guid oskit_netdev_iid = OSKIT_NETDEV_IID;
const struct oskit_guid oskit_timer_iid = OSKIT_TIMER_IID;
const struct oskit_guid oskit_ttydev_iid = OSKIT_TTYDEV_IID;
const struct oskit_guid oskit_dir_iid = OSKIT_DIR_IID;
const struct oskit_guid oskit_dirents_iid = OSKIT_DIRENTS_IID;
const struct oskit_guid oskit_file_iid = OSKIT_FILE_IID;
const struct oskit_guid oskit_filesystem_iid = OSKIT_FILESYSTEM_IID;
const struct oskit_guid oskit_fsnamespace_iid = OSKIT_FSNAMESPACE_IID;
const struct oskit_guid oskit_openfile_iid = OSKIT_OPENFILE_IID;
const struct oskit_guid oskit_absio_iid = OSKIT_ABSIO_IID;
const struct oskit_guid oskit_asyncio_iid = OSKIT_ASYNCIO_IID;
const struct oskit_guid oskit_blkio_iid = OSKIT_BLKIO_IID;
const struct oskit_guid oskit_bufio_iid = OSKIT_BUFIO_IID;
const struct oskit_guid oskit_bufio_stream_iid = OSKIT_BUFIO_STREAM_IID;
const struct oskit_guid oskit_bufiovec_iid = OSKIT_BUFIOVEC_IID;
const struct oskit_guid oskit_netio_iid = OSKIT_NETIO_IID;
const struct oskit_guid oskit_netio_fanout_iid = OSKIT_NETIO_FANOUT_IID;
const struct oskit_guid oskit_posixio_iid = OSKIT_POSIXIO_IID;
const struct oskit_guid oskit_ttystream_iid = OSKIT_TTYSTREAM_IID;
const struct oskit_guid oskit_socket_iid = OSKIT_SOCKET_IID;
const struct oskit_guid oskit_socket_factory_iid = OSKIT_SOCKET_FACTORY_IID;

const struct oskit_guid sluice_pollable_iid = SLUICE_GUID(0x5ac10001);
const struct oskit_guid sluice_streamvec_iid = SLUICE_GUID(0x5ac10002);
const struct oskit_guid sluice_absvec_iid = SLUICE_GUID(0x5ac10003);
const struct oskit_guid sluice_pager_iid = SLUICE_GUID(0x5ac10004);
const struct oskit_guid sluice_control_iid = SLUICE_GUID(0x5ac10005);
const struct oskit_guid sluice_terminal_iid = SLUICE_GUID(0x5ac10006);
const struct oskit_guid sluice_pipe_iid = SLUICE_GUID(0x5ac10010);
const struct oskit_guid sluice_filex_iid = SLUICE_GUID(0x5ac10020);
const struct oskit_guid sluice_sealing_iid = SLUICE_GUID(0x5ac10022);
const struct oskit_guid sluice_dynamic_iid = SLUICE_GUID(0x5ac10021);
const struct oskit_guid sluice_epoll_iid = SLUICE_GUID(0x5ac10030);
const struct oskit_guid sluice_blockqueue_iid = SLUICE_GUID(0x5ac10050);
const struct oskit_guid sluice_sync_iid = SLUICE_GUID(0x5ac10060);
const struct oskit_guid sluice_sgbuf_iid = SLUICE_GUID(0x5ac10051);
const struct oskit_guid sluice_filesystemx_iid = SLUICE_GUID(0x5ac10058);
const struct oskit_guid sluice_xattr_iid = SLUICE_GUID(0x5ac10059);
const struct oskit_guid sluice_xattrset_iid = SLUICE_GUID(0x5ac1005a);
const struct oskit_guid sluice_fileflags_iid = SLUICE_GUID(0x5ac1005b);
const struct oskit_guid sluice_fsname_iid = SLUICE_GUID(0x5ac1005c);
const struct oskit_guid sluice_pty_iid = SLUICE_GUID(0x5ac10040);
const struct oskit_guid sluice_timerfd_iid = SLUICE_GUID(0x5ac10031);
const struct oskit_guid sluice_netqueue_iid = SLUICE_GUID(0x5ac10070);
const struct oskit_guid sluice_socket_iid = SLUICE_GUID(0x5ac10071);
