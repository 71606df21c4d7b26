/* The peer that Cofferdam is measured against: one process that reads cameras, decodes and encodes
 * them again with the settings Cofferdam has, and serves the result. Nothing is isolated from
 * anything, which is what makes it the yardstick.
 *
 *   transcoder CAMERA_URL...
 *
 * Serves the cameras at /0, /1 and so on, prints "listening PORT", and ends when standard input
 * does. Build with:
 *
 *   cc -O2 transcoder.c -o transcoder $(pkg-config --cflags --libs gstreamer-rtsp-server-1.0)
 */
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

/* Every setting that costs time or bytes is the one that cofferdam-encode gives the same element. */
static const char LAUNCH[] =
    "( rtspsrc location=\"%s\" protocols=tcp latency=0"
    " ! rtph264depay ! h264parse ! avdec_h264 max-threads=1"
    " ! x264enc tune=zerolatency speed-preset=superfast threads=1 sliced-threads=false"
    " pass=qual quantizer=25 bitrate=4000 vbv-buf-capacity=1000 key-int-max=50 bframes=0"
    " aud=false byte-stream=true"
    " ! video/x-h264,profile=main"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1 )";

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
    if (argc < 2) {
        g_printerr("usage: transcoder CAMERA_URL...\n");
        return 2;
    }

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, "0");

    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    for (int camera = 1; camera < argc; camera++) {
        char *launch = g_strdup_printf(LAUNCH, argv[camera]);
        char *path = g_strdup_printf("/%d", camera - 1);
        GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
        gst_rtsp_media_factory_set_launch(factory, launch);
        /* One decoder and one encoder for all readers, as in Cofferdam. */
        gst_rtsp_media_factory_set_shared(factory, TRUE);
        gst_rtsp_mount_points_add_factory(mounts, path, factory);
        g_free(launch);
        g_free(path);
    }
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
