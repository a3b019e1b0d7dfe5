// Who waits and who goes next: see backlog.h.
#include "dataplane/backlog.h"

#include <algorithm>

#include "dataplane/srtp/prefetch.h"

namespace mdd {

MediaClass class_of(const MediaPacket& packet, bool is_rtcp, const Conference& conference) {
    if (is_rtcp) return MediaClass::rtcp;
    constexpr std::size_t kPayloadTypeAt = 1;
    constexpr std::uint8_t kPayloadTypeBits = 0x7f;
    const bool audio = packet.bytes > kPayloadTypeAt &&
                       conference.audio[packet.data[kPayloadTypeAt] & kPayloadTypeBits];
    return audio ? MediaClass::audio : MediaClass::other;
}

Backlog::Backlog(std::size_t conferences) : queue_of_(conferences, kNone) {
    first_of_length_.fill(kNone);
    for (Index index = 0; index < kPlaces; ++index) {
        free_places_.push(index);
        free_queues_.push(index);
    }
}

Backlog::Index Backlog::queue_of(ConferenceSlot conference) {
    auto& index = queue_of_[conference];
    if (index == kNone && !free_queues_.empty()) {
        index = free_queues_.pop();
        queues_[index].conference = conference;
        turns_.push(index);
    }
    return index;
}

rte_mbuf* Backlog::add(const MediaPacket& packet, MediaClass kind) {
    const auto number = static_cast<std::size_t>(kind);
    const auto index = queue_of(packet.sender->conference);
    if (index == kNone) return packet.packet;
    auto& queue = queues_[index];
    rte_mbuf* given_up = nullptr;
    if (waiting_ >= kPlacesOf[number]) {
        given_up = give_up_for(queue, number);
        if (given_up == nullptr) return packet.packet;
    }
    append(queue, queue.fifos[number], packet);
    return given_up;
}

rte_mbuf* Backlog::give_up_for(const Queue& queue, std::size_t kind) {
    const bool of_another = longest_ > queue.count + 1U;
    auto& longest = queues_[of_another ? first_of_length_[longest_] : queue_of_[queue.conference]];
    for (std::size_t last = kMediaClasses; last-- > (of_another ? 0 : kind + 1);)
        if (longest.fifos[last].count != 0) return take_first(longest, longest.fifos[last]).packet;
    return nullptr;
}

void Backlog::append(Queue& queue, Fifo& fifo, const MediaPacket& packet) {
    const auto index = free_places_.pop();
    places_[index] = {packet, kNone};
    (fifo.count == 0 ? fifo.first : places_[fifo.last].next) = index;
    fifo.last = index;
    ++fifo.count;
    set_length(queue, queue.count + 1U);
    ++waiting_;
}

MediaPacket Backlog::take_first(Queue& queue, Fifo& fifo) {
    const auto index = fifo.first;
    fifo.first = places_[index].next;
    free_places_.push(index);
    --fifo.count;
    set_length(queue, queue.count - 1U);
    --waiting_;
    return places_[index].packet;
}

// Out of the list of its length, into that of the new one. Lengths change by one at a time.
void Backlog::set_length(Queue& queue, std::size_t length) {
    const auto index = static_cast<Index>(&queue - queues_.data());
    if (queue.count != 0) {
        (queue.previous == kNone ? first_of_length_[queue.count] : queues_[queue.previous].next) =
            queue.next;
        if (queue.next != kNone) queues_[queue.next].previous = queue.previous;
    }
    queue.count = static_cast<Index>(length);
    if (length != 0) {
        auto& first = first_of_length_[length];
        queue.previous = kNone;
        queue.next = first;
        if (first != kNone) queues_[first].previous = index;
        first = index;
    }
    longest_ = std::max(longest_, length);
    if (longest_ > 0 && first_of_length_[longest_] == kNone) --longest_;
}

void Backlog::take(unsigned most, MediaLanes& lanes) {
    most = std::min(most, kMaxBurst);
    while (!turns_.empty() && most > lanes.count()) {
        const auto index = turns_.pop();
        auto& queue = queues_[index];
        take_turn(queue, std::min(most - lanes.count(), kMaxGroup), lanes);
        if (queue.count != 0) {
            turns_.push(index);
        } else {
            queue_of_[queue.conference] = kNone;
            free_queues_.push(index);
        }
    }
}

void Backlog::take_turn(Queue& queue, unsigned most, MediaLanes& lanes) {
    for (std::size_t kind = 0; kind < kMediaClasses; ++kind) {
        auto& fifo = queue.fifos[kind];
        auto& lane = static_cast<MediaClass>(kind) == MediaClass::rtcp ? lanes.rtcp : lanes.rtp;
        for (; most > 0 && fifo.count > 0; --most) {
            const auto packet = take_first(queue, fifo);
            // As for a packet that has just arrived: its sender, and the first two lines of it.
            srtp::prefetch(packet.sender);
            srtp::prefetch_lines(packet.data, 2);
            lane.add(packet);
        }
    }
}

}  // namespace mdd
