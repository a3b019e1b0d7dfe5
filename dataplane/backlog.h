// What waits while more arrives than one worker can forward: it empties the receive queues into
// here, so that it, and not the overflow of a queue, decides what is lost. Opens nothing, sends
// nothing.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/batch.h"

namespace mdd {

// In the order in which they go first.
enum class MediaClass : std::uint8_t { rtcp, audio, other };
inline constexpr std::size_t kMediaClasses = 3;

// What a media packet is, as far as anybody can say before it is opened: a sender that lies about
// its payload type takes from its own conference only.
MediaClass class_of(const MediaPacket& packet, bool is_rtcp, const Conference& conference);

// Conferences take turns, as many packets each as go together; within a conference RTCP comes
// before audio, audio before the rest, and what is of one class keeps its order. When all places
// are taken, the conference of which most waits gives one up, the oldest of its last class: so
// whoever sends more than its share loses by it, and nobody else. The last places are kept for
// audio, the very last ones for RTCP. One thread.
class Backlog {
  public:
    static constexpr std::size_t kPlaces = 512;

    // For conferences in slots below `conferences`.
    explicit Backlog(std::size_t conferences);

    bool empty() const { return waiting_ == 0; }
    // Takes a packet over and returns the one that has to go for it, which may be the same; null:
    // there was a place.
    rte_mbuf* add(const MediaPacket& packet, MediaClass kind);
    // Moves the next packets, at most `most` and at most as many as the lanes hold, into `lanes`.
    // Precondition: the lanes are empty.
    void take(unsigned most, MediaLanes& lanes);
    // Hands the packets of one sender to `drop`, oldest first, or of all when it is null.
    template <typename Drop>
    void remove(const Member* sender, Drop drop) {
        for (Index index = 0; index < kPlaces; ++index)
            for (auto& fifo : queues_[index].fifos) remove(queues_[index], fifo, sender, drop);
    }

  private:
    using Index = std::uint16_t;
    static constexpr Index kNone = 0xffff;
    // How many places may be taken for a packet of each class to find one.
    static constexpr std::array<std::size_t, kMediaClasses> kPlacesOf{kPlaces, kPlaces * 15 / 16,
                                                                      kPlaces * 3 / 4};
    struct Place {
        MediaPacket packet;
        Index next = kNone;
    };
    struct Fifo {
        Index first = kNone, last = kNone;
        Index count = 0;
    };
    // What waits of one conference.
    struct Queue {
        ConferenceSlot conference = 0;
        Index count = 0;
        Index previous = kNone, next = kNone;  // among the queues of the same length
        std::array<Fifo, kMediaClasses> fifos;
    };
    // Indexes that are not in use, or whose turn it is to come.
    class Line {
      public:
        bool empty() const { return first_ == last_; }
        void push(Index index) { ring_[last_++ % kPlaces] = index; }
        Index pop() { return ring_[first_++ % kPlaces]; }

      private:
        std::array<Index, kPlaces> ring_;
        std::uint32_t first_ = 0, last_ = 0;
    };

    // kNone: as many conferences wait as there are places.
    Index queue_of(ConferenceSlot conference);
    // Makes a place by giving up a packet of the longest queue. Null: none that `queue` should
    // have a packet of this class for.
    rte_mbuf* give_up_for(const Queue& queue, std::size_t kind);
    void append(Queue& queue, Fifo& fifo, const MediaPacket& packet);
    MediaPacket take_first(Queue& queue, Fifo& fifo);
    void set_length(Queue& queue, std::size_t length);
    void take_turn(Queue& queue, unsigned most, MediaLanes& lanes);
    template <typename Drop>
    void remove(Queue& queue, Fifo& fifo, const Member* sender, Drop& drop) {
        for (auto left = fifo.count; left > 0; --left) {
            const auto packet = take_first(queue, fifo);
            if (sender == nullptr || packet.sender == sender)
                drop(packet.packet);
            else
                append(queue, fifo, packet);
        }
    }

    std::size_t waiting_ = 0;
    std::vector<Index> queue_of_;  // by ConferenceSlot
    Line free_places_, free_queues_, turns_;
    std::array<Place, kPlaces> places_;
    std::array<Queue, kPlaces> queues_;
    // Queues by their length, so that the longest is known at any time.
    std::array<Index, kPlaces + 1> first_of_length_;
    std::size_t longest_ = 0;
};

}  // namespace mdd
