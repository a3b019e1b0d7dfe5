// Walks the headers of each datagram once.
#include "tools/dtls_srtp/record_tap.h"

#include <algorithm>

#include "kmf-tunnel/record.h"
#include "tools/dtls_srtp/record_form.h"

namespace mdd::dtls {

using tunnel::ContentType;
using tunnel::Record;
using tunnel::RecordWalk;

void RecordTap::note_sent(srtp::Bytes datagram) {
    RecordWalk walk(datagram);
    bool opens_flight = false;
    bool ends_flight = false;
    while (const auto record = walk.next()) {
        if (record->epoch == 0) {
            opens_flight |= record->type == ContentType::change_cipher_spec;
            continue;
        }
        note_protected(*record);
        ends_flight |= record->type == ContentType::handshake;
    }
    if (!walk.well_formed()) gapless_ = false;
    if (!last_flight_.empty()) return;
    if (opens_flight || ends_flight || !flight_.empty())
        flight_.emplace_back(datagram.begin(), datagram.end());
    if (ends_flight) last_flight_ = std::move(flight_);
}

void RecordTap::note_protected(const Record& record) {
    if (record.epoch != 1 || record.sequence != sent_records_ ||
        record.fragment.size() < kSealBytes) {
        gapless_ = false;
        return;
    }
    const auto nonce = load_be64(record.fragment.data());
    if (sent_records_ > 0 && nonce != last_nonce_ + 1) gapless_ = false;
    ++sent_records_;
    last_nonce_ = nonce;
    if (record.type == ContentType::handshake)
        sent_finished_.assign(record.whole.begin(), record.whole.end());
}

void RecordTap::note_received(srtp::Bytes datagram) {
    RecordWalk walk(datagram);
    while (const auto record = walk.next()) {
        if (record->epoch != 1 || record->type != ContentType::handshake ||
            record->fragment.size() != kFinishedBytes + kSealBytes)
            continue;
        const auto is_known = [&](const Datagram& known) {
            return std::ranges::equal(known, record->whole);
        };
        if (std::ranges::any_of(received_finished_, is_known)) continue;
        if (received_finished_.size() == kCandidates) received_finished_.pop_front();
        received_finished_.emplace_back(record->whole.begin(), record->whole.end());
    }
}

}  // namespace mdd::dtls
