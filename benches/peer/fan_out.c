/* The RTSP server that Cofferdam's is measured against: Debian's, with one shared mount for all
 * readers, fed with the access units of a film made by the benchmark.
 *
 *   fan_out FILM
 *
 * Serves /main, prints "listening PORT", and ends when standard input does. Build with:
 *
 *   cc -O2 fan_out.c -o fan_out \
 *       $(pkg-config --cflags --libs gstreamer-rtsp-server-1.0 gstreamer-app-1.0)
 */
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <string.h>
#include <time.h>

#define RATE 25
#define STAMP_LEN 16

static const char LAUNCH[] =
    "( appsrc name=film is-live=true format=time do-timestamp=true max-bytes=0"
    " caps=video/x-h264,stream-format=byte-stream,alignment=au,profile=main"
    " ! rtph264pay name=pay0 pt=96 mtu=1440 config-interval=-1 )";

static guint8 *film;
static gsize film_len;

static guint64 monotonic_nanos(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (guint64)now.tv_sec * 1000000000u + (guint64)now.tv_nsec;
}

/* Seven bits a byte, most significant first, the highest bit of each set. */
static void put(guint64 value, guint8 *bytes, int count)
{
    while (count-- > 0) {
        bytes[count] = 0x80 | (value & 0x7F);
        value >>= 7;
    }
}

static void stamp(guint8 *end, guint32 number)
{
    guint8 *bytes = end - STAMP_LEN;
    bytes[0] = 0xC0;
    bytes[1] = 0xFF;
    put(number, bytes + 2, 5);
    put(monotonic_nanos(), bytes + 7, 9);
}

static gpointer feed(gpointer data)
{
    GstAppSrc *source = GST_APP_SRC(data);
    guint64 begin = monotonic_nanos();
    gsize at = 0;
    for (guint32 number = 0;; number++) {
        guint64 due = begin + number * (1000000000ull / RATE);
        struct timespec until = { due / 1000000000u, due % 1000000000u };
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

        if (at >= film_len)
            at = 0;
        guint32 length;
        memcpy(&length, film + at, sizeof length);
        length = GUINT32_FROM_LE(length);
        gboolean key = film[at + 4] != 0;
        GstBuffer *buffer = gst_buffer_new_memdup(film + at + 5, length);
        at += 5 + length;

        GstMapInfo map;
        gst_buffer_map(buffer, &map, GST_MAP_WRITE);
        stamp(map.data + map.size, number);
        gst_buffer_unmap(buffer, &map);
        if (!key)
            GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
        if (gst_app_src_push_buffer(source, buffer) != GST_FLOW_OK)
            break;
    }
    gst_object_unref(source);
    return NULL;
}

/* What is pushed before the source asks for it is refused, and the film would end there. */
static void wanted(GstElement *source, guint length, gpointer data)
{
    (void)length;
    (void)data;
    if (g_signal_handlers_disconnect_by_func(source, (gpointer)wanted, NULL) > 0)
        g_thread_unref(g_thread_new("film", feed, gst_object_ref(source)));
}

static void configured(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer data)
{
    (void)factory;
    (void)data;
    GstElement *element = gst_rtsp_media_get_element(media);
    GstElement *source = gst_bin_get_by_name_recurse_up(GST_BIN(element), "film");
    g_signal_connect(source, "need-data", G_CALLBACK(wanted), NULL);
    gst_object_unref(source);
    gst_object_unref(element);
}

static gboolean parent_gone(GIOChannel *channel, GIOCondition condition, gpointer loop)
{
    (void)channel;
    (void)condition;
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    if (argc != 2 || !g_file_get_contents(argv[1], (gchar **)&film, &film_len, NULL)) {
        g_printerr("usage: fan_out FILM\n");
        return 2;
    }

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, "0");
    gst_rtsp_server_set_backlog(server, 1024);

    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, LAUNCH);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    g_signal_connect(factory, "media-configure", G_CALLBACK(configured), NULL);
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    gst_rtsp_mount_points_add_factory(mounts, "/main", factory);
    g_object_unref(mounts);

    if (gst_rtsp_server_attach(server, NULL) == 0) {
        g_printerr("cannot listen\n");
        return 1;
    }
    g_print("listening %d\n", gst_rtsp_server_get_bound_port(server));

    GIOChannel *input = g_io_channel_unix_new(0);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP | G_IO_ERR, parent_gone, loop);
    g_main_loop_run(loop);
    return 0;
}
