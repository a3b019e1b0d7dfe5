// Filling the bare loop's tables: see bare_tables.h.
#include "tests/bench/bare_tables.h"

#include <algorithm>
#include <bit>

namespace mdd::bench {
namespace {

void fill_key(BareKey& key, const FanOut& fan_out, std::size_t number, aes_gcm_pre_t expand) {
    const auto keys = fan_out.session_keys(number);
    expand(keys.rtp_key.bytes().data(), &key.expanded);
    key.salt = {};
    std::copy_n(keys.rtp_salt.bytes().begin(), srtp::kHopSaltBytes, key.salt.begin());
}

void fill_headers(BareHeaders& headers, const net::HeaderTemplate& made) {
    std::copy(made.bytes.begin(), made.bytes.end(), headers.bytes.begin());
    headers.ip_sum = made.ip_sum;
    headers.pseudo_sum = made.pseudo_sum;
}

}  // namespace

BareTables::BareTables(FanOut& fan_out, aes_gcm_pre_t expand)
    : receivers_(fan_out.config().conferences() * std::size_t{fan_out.config().receivers}),
      streams_(fan_out.config().conferences()),
      slots_(std::bit_ceil(2 * streams_.size() + 2)),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {
    std::mt19937_64 random(fan_out.config().keys);
    const auto receiver_places = shuffled(receivers_.size(), random);
    const auto stream_places = shuffled(streams_.size(), random);
    const std::size_t count = fan_out.config().receivers;
    for (const auto& sender : fan_out.senders()) {
        auto& stream = streams_[stream_places[sender.conference]];
        add_stream(stream, fan_out, sender, expand);
        add_receivers(stream, fan_out, sender.conference,
                      std::span(receiver_places).subspan(sender.conference * count, count), expand);
    }
}

void BareTables::add_stream(BareStream& stream, const FanOut& fan_out, const FanOutSender& sender,
                            aes_gcm_pre_t expand) {
    const auto number = fan_out.number_of(sender.conference, 0);
    fill_key(stream.key, fan_out, number, expand);
    stream.next_index = sender.index;
    stream.group = 0;
    const auto tag = tag_of(FanOut::address_of(number).ip, net::to_be(sender.ssrc));
    auto place = place_of(tag);
    while (slots_[place].stream != nullptr) place = (place + 1) & (slots_.size() - 1);
    slots_[place] = {tag, &stream};
}

void BareTables::add_receivers(BareStream& stream, const FanOut& fan_out, ConferenceSlot conference,
                               std::span<const std::size_t> places, aes_gcm_pre_t expand) {
    const bool few = places.size() <= BareStream::kNear;
    if (!few) stream.far.resize(places.size());
    auto** list = few ? stream.near.data() : stream.far.data();
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& receiver = receivers_[places[i]];
        const auto number = fan_out.number_of(conference, 1 + i);
        fill_key(receiver.key, fan_out, number, expand);
        fill_headers(receiver.headers, fan_out.headers_towards(number));
        list[i] = &receiver;
    }
    stream.receivers = list;
    stream.receiver_count = static_cast<unsigned>(places.size());
}

}  // namespace mdd::bench
