// Who owns which SSRC in one conference (ownership law 5), and the streams that belong to them. No
// I/O. Nothing is evicted to make room: a sender that comes back has to go on above what was sent
// before, for as long as a key lives that it was sent under.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "dataplane/srtp/verdict.h"
#include "dataplane/table.h"

namespace mdd::control {

struct SsrcAnswer {
    srtp::Verdict verdict;  // accepted, ssrc_owned or ssrc_cap
    Stream* stream;         // accepted: to be granted
    bool first_time;        // accepted: nobody had this SSRC before
};

class SsrcBook {
  public:
    static constexpr std::size_t kPerConference = 4096;
    static constexpr std::size_t kRestarts = 4;  // that an endpoint always has room for

    // `members`: endpoint slots of the conference, the number of legs of each stream.
    // `live_cap`: SSRCs that one endpoint may use at a time. Parked ones included, an endpoint may
    // have kRestarts times as many, or its share of the conference where that is more.
    SsrcBook(std::size_t members, std::size_t live_cap);

    // `who` has sent a packet that verified under its keys `epoch` with `ssrc`.
    SsrcAnswer ask(MemberSlot who, std::uint32_t ssrc, std::uint64_t epoch);
    // `who` has left: its SSRCs stay its own, its streams wait for it. Only commands posted to its
    // worker may name them again. `key_start`: the newest one of any receiver so far.
    void park(MemberSlot who, std::uint32_t key_start);
    // `who` has restarted under its keys `epoch`: likewise for SSRCs first heard under older ones.
    void park_older(MemberSlot who, std::uint64_t epoch, std::uint32_t key_start);
    // Takes out what was parked before the oldest receiver that is still there began to count under
    // keys of its own: it was sent under none of the keys in use. The streams may be freed once the
    // workers have carried out everything that names them.
    std::vector<std::shared_ptr<const Stream>> forget(std::uint32_t oldest_key_start);

    // Null when `ssrc` is not `who`'s, live or parked.
    Stream* find(MemberSlot who, std::uint32_t ssrc) const;
    std::size_t live(MemberSlot who) const { return live_[who]; }
    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        MemberSlot owner;
        bool live;
        std::uint64_t epoch;      // of the owner's keys that a live one was heard under first
        std::uint32_t key_start;  // of a parked one: the newest when it was parked
        std::unique_ptr<Stream> stream;
    };
    const std::size_t live_cap_;
    const std::size_t owned_cap_;
    std::vector<std::size_t> live_;   // by MemberSlot
    std::vector<std::size_t> owned_;  // likewise; live and parked
    std::map<std::uint32_t, Entry> entries_;
};

}  // namespace mdd::control
