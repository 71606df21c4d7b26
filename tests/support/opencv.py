"""Reads an RTSP URL as users of OpenCV do, and writes the grey of each picture: URL TRANSPORT."""

import os
import sys

url, transport = sys.argv[1:]
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{transport}"
import cv2  # noqa: E402 (reads the variable above)

capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
if not capture.isOpened():
    sys.exit("not opened")
while True:
    there, picture = capture.read()
    if not there:
        sys.exit("the stream has ended")
    sys.stdout.buffer.write(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    sys.stdout.buffer.flush()
