"""Real media for the demo: encodes a clip, plays it as RTP, receives it, compares frames. ffmpeg does the work."""
import os

from bed import BedError, run

FFMPEG = ("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y")
FRAMES_PER_SECOND = 30
# The whole RTP packet; leaves room for Double, EKT, UDP and IP within 1500 bytes.
RTP_PACKET_BYTES = 1100
# An ffmpeg sink has no way to ask for a key frame, so one comes every second.
KEY_FRAME_INTERVAL = 30


class Stream:
    """One RTP stream of the clip."""

    def __init__(self, kind, index, ssrc, payload_type, rtpmap):
        self.kind, self.index, self.ssrc, self.payload_type, self.rtpmap = kind, index, ssrc, payload_type, rtpmap


VIDEO = Stream("video", 0, 0x0A110001, 96, "VP8/90000")
AUDIO = Stream("audio", 1, 0x0A110002, 111, "opus/48000/2")
STREAMS = (VIDEO, AUDIO)


def encode_clip(path, seconds):
    """Encodes moving pictures and sound once, so that no encoder competes with the forwarder later."""
    run(*FFMPEG, "-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={FRAMES_PER_SECOND}",
        "-f", "lavfi", "-i", "aevalsrc=0.2*sin(2*PI*(440+110*sin(2*PI*t/4))*t)|0.2*sin(2*PI*330*t):s=48000",
        "-t", seconds, "-map", "0:v", "-map", "1:a",
        "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", KEY_FRAME_INTERVAL,
        "-keyint_min", KEY_FRAME_INTERVAL, "-auto-alt-ref", "0", "-lag-in-frames", "0", "-threads", "1",
        "-pix_fmt", "yuv420p", "-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-frame_duration", "20", path)


def hash_clip(path, hashes):
    """Writes the hash of every encoded frame of the clip."""
    run(*FFMPEG, "-i", path, "-map", "0", "-c", "copy", "-f", "framehash", "-hash", "md5", hashes)


def play_command(clip, ports):
    """Plays the clip in real time as RTP to loopback; `ports` maps a stream to its even UDP port."""
    command = [*FFMPEG, "-re", "-i", clip]
    for stream in STREAMS:
        # No BYE: the receiving ffmpeg would stop at it and leave the last packets unread.
        command += ["-map", f"0:{stream.index}", "-c", "copy", "-f", "rtp", "-payload_type", stream.payload_type,
                    "-ssrc", stream.ssrc, f"rtp://127.0.0.1:{ports[stream]}?pkt_size={RTP_PACKET_BYTES}"]
    return command


def receive_command(sdp, hashes, recording, silence_seconds):
    """Receives what the SDP describes until `silence_seconds` without a packet: frame hashes, and a file to watch."""
    return [*FFMPEG, "-protocol_whitelist", "file,udp,rtp", "-listen_timeout", silence_seconds,
            "-max_delay", "1000000", "-buffer_size", "4194304", "-i", sdp,
            "-map", "0", "-c", "copy", "-f", "framehash", "-hash", "md5", hashes,
            "-map", "0", "-c", "copy", "-f", "matroska", recording]


def frame_hashes(path):
    """The hashes of each stream's frames in order, as {stream: [hash]}; empty where the file is missing."""
    frames = {stream: [] for stream in STREAMS}
    if not os.path.exists(path):
        return frames
    by_index = {stream.index: stream for stream in STREAMS}
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = [field.strip() for field in line.split(",")]
            if line[:1].isdigit() and len(fields) >= 6:
                frames[by_index[int(fields[0])]].append(fields[5])
    return frames


def picture_of(video, frame_number, path):
    """Decodes one frame of a recording into a PNG file."""
    run(*FFMPEG, "-i", video, "-map", "0:v", "-vf", f"select=eq(n\\,{frame_number})", "-fps_mode", "passthrough",
        "-frames:v", "1", path)
    if not os.path.exists(path):
        raise BedError(f"{video} holds no frame {frame_number}.")


def picture_of_bytes(data, path):
    """Draws bytes as they are, one grey dot each, in the shape of a video frame."""
    width, height = 320, 180
    raw = path + ".pgm"
    with open(raw, "wb") as file:
        file.write(b"P5 %d %d 255\n" % (width, height) + data[:width * height].ljust(width * height, b"\0"))
    run(*FFMPEG, "-i", raw, path)
