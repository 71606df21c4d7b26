"""Reads an RTSP URL as users of PyAV do, and writes the luma of each picture: URL TRANSPORT."""

import sys

import av

url, transport = sys.argv[1:]
with av.open(url, options={"rtsp_transport": transport}) as container:
    for picture in container.decode(video=0):
        luma = picture.planes[0]
        rows = memoryview(luma)
        for row in range(picture.height):
            start = row * luma.line_size
            sys.stdout.buffer.write(rows[start : start + picture.width])
        sys.stdout.buffer.flush()
sys.exit("the stream has ended")
