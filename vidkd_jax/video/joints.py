"""Tells where a transport stream was put together from parts, and where it lacks data."""

import av

_PACKETS = 2  # the flag comes up to this many packets before the joint


class Joints:
    """Judges the packets of a video, in the order of the file.

    FFmpeg flags a packet as corrupt where the file ends in it, and in a transport stream where the
    stream's count of its pieces is broken. That count is also broken where two streams were joined
    (`cat 1.ts 2.ts > all.ts`); but there, the next part begins: with a keyframe, or with an earlier
    time.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._can_join = container.format.name == "mpegts"
        self._waiting = 0  # packets in which a part must begin
        self._time: int | None = None

    def data_is_lost(self, packet: av.Packet) -> bool:
        """Returns whether data is lost in this packet, or was lost in one of those before it."""
        before, self._time = self._time, packet.dts
        steps_back = before is not None and packet.dts is not None and packet.dts < before
        begins_part = packet.is_keyframe or steps_back
        if packet.is_corrupt:
            self._waiting = _PACKETS + 1
        elif begins_part:
            self._waiting = 0
        if not self._waiting:
            return False
        self._waiting -= 1
        is_last = not packet.size and packet.dts is None
        return not self._can_join or self._waiting == 0 or is_last
