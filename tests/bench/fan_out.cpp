// The conferences of the forwarding benchmark: see fan_out.h.
#include "tests/bench/fan_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "dataplane/net/header_template.h"
#include "dataplane/port.h"

namespace mdd::bench {
namespace {

const auto kOurs = *net::parse_socket_address("10.9.0.1:5004");
constexpr net::MacAddress kSenderMac{{2, 0, 0, 0, 0, 1}};
// Members' addresses are all over 10.64.0.0/10, as endpoints' are over the world: what follows each
// other would suit the flow table's hash. Multiplied by one and the other number of this pair, a
// member's number is itself again, modulo 2^22.
constexpr std::uint32_t kNetwork = 0x0a400000, kAddressMask = 0x3fffff;
constexpr std::uint32_t kScatter = 0x1e3779b1, kGather = 0xb2f51;
static_assert(((kScatter * kGather) & kAddressMask) == 1);
constexpr std::uint64_t kEpoch = 1;  // of the senders' keys
constexpr std::uint32_t kFirstSsrc = 0x10000000;
constexpr std::size_t kMailboxPlaces = 16384;
// Senders start anywhere in the sequence space, so that half of the copies need a sequence number
// in their header block.
constexpr std::uint64_t kFirstIndexStep = 25033;

srtp::Profile profile_of(unsigned aes_bits) {
    return aes_bits == 128 ? srtp::Profile::double_aes_128_gcm : srtp::Profile::double_aes_256_gcm;
}

// Key bytes of member `number`: different for each, of no other meaning.
std::vector<std::uint8_t> key_bytes(unsigned aes_bits, std::size_t number) {
    std::vector<std::uint8_t> bytes(aes_bits / 8, 0x5a);
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

}  // namespace

std::vector<std::size_t> shuffled(std::size_t count, std::mt19937_64& random) {
    std::vector<std::size_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), std::size_t{0});
    std::shuffle(numbers.begin(), numbers.end(), random);
    return numbers;
}

net::SocketAddress FanOut::address_of(std::size_t number) {
    const auto place = (static_cast<std::uint32_t>(number + 1) * kScatter) & kAddressMask;
    return {net::to_be(kNetwork + place), net::to_be(std::uint16_t{40000})};
}

std::size_t FanOut::number_at(net::Be32 address) {
    return ((net::from_be(address) * kGather) & kAddressMask) - std::size_t{1};
}

ConferenceSlot FanOut::conference_of(std::uint32_t ssrc) {
    return static_cast<ConferenceSlot>(ssrc - kFirstSsrc);
}

net::HeaderTemplate FanOut::headers_towards(std::size_t number) const {
    return net::make_header_template(out_.mac(), out_.mac(), kOurs, address_of(number));
}

srtp::SessionKeys FanOut::session_keys(std::size_t number) const {
    const auto key = key_bytes(config_.aes_bits, number);
    const std::vector<std::uint8_t> salt(srtp::kHopSaltBytes, 3);
    srtp::SessionKeys keys;
    keys.profile = profile_of(config_.aes_bits);
    keys.rtp_key = srtp::Secret<32>(key);
    keys.rtcp_key = srtp::Secret<32>(key);
    keys.rtp_salt = srtp::Secret<12>(salt);
    keys.rtcp_salt = srtp::Secret<12>(salt);
    return keys;
}

FanOut::FanOut(const FanOutConfig& config, Port& in, Port& out, rte_mempool* copies,
               const WorkerPlace& place)
    : config_(config), index_(place.index), out_(out), mailbox_(kMailboxPlaces) {
    const std::size_t members = config.receivers + std::size_t{1};
    const std::size_t flows = members * config.conferences();
    worker_ = std::make_unique<Worker>(
        WorkerConfig{.index = place.index,
                     .ports = {{&in, kOurs.ip, 0, 0}, {&out, kOurs.ip, -1, 0}},
                     .udp_ports = {5004},
                     .pool = copies,
                     .adaptive_idle = false,
                     .sheds = config.sheds,
                     .conferences = config.conferences(),
                     .flows = flows,
                     .to_worker = place.to_worker,
                     .from_worker = place.from_worker},
        mailbox_);
    std::mt19937_64 random(config.keys);
    keys_.resize(flows);
    for (const auto number : shuffled(flows, random))
        keys_[number] = std::make_unique<const srtp::Keyset>(session_keys(number), kEpoch);
    streams_.resize(config.conferences() * (config.audio ? 2 : 1));
    for (const auto slot : shuffled(config.conferences(), random))
        add_conference(static_cast<ConferenceSlot>(slot));
    std::shuffle(senders_.begin(), senders_.end(), random);
}

FanOut::~FanOut() {
    worker_->drain();
}

void FanOut::add_conference(ConferenceSlot slot) {
    const std::size_t members = config_.receivers + std::size_t{1};
    post(
        AddConference{slot, std::make_unique<Conference>(members, PayloadTypes{}.set(kAudioType))});
    for (std::size_t member = 0; member < members; ++member)
        add_member(slot, static_cast<MemberSlot>(member));
    add_sender(slot, kFirstSsrc + slot, kVideoType);
    if (config_.audio) add_sender(slot, kFirstSsrc + config_.conferences() + slot, kAudioType);
}

void FanOut::add_sender(ConferenceSlot conference, std::uint32_t ssrc, std::uint8_t payload_type) {
    const auto number = number_of(conference, 0);
    streams_[ssrc - kFirstSsrc] =
        std::make_unique<Stream>(ssrc, config_.receivers + std::size_t{1});
    const auto keys = session_keys(number);
    senders_.push_back({.key = std::make_unique<srtp::AeadKey>(
                            keys.rtp_key.first(config_.aes_bits / 8), keys.rtp_salt.bytes()),
                        .header = header_from(address_of(number)),
                        .conference = conference,
                        .ssrc = ssrc,
                        .payload_type = payload_type,
                        .index = (kFirstIndexStep * (ssrc - kFirstSsrc + 1)) % 0x10000});
}

net::HeaderTemplate FanOut::header_from(const net::SocketAddress& address) const {
    return net::make_header_template(kSenderMac, out_.mac(), address, kOurs);
}

std::pair<ConferenceSlot, MemberSlot> FanOut::place_of(net::Be32 address) const {
    const auto number = number_at(address);
    const auto members = config_.receivers + 1;
    return {static_cast<ConferenceSlot>(number / members),
            static_cast<MemberSlot>(number % members)};
}

void FanOut::add_member(ConferenceSlot conference, MemberSlot slot) {
    const bool sends = slot == 0;
    const auto number = number_of(conference, slot);
    auto member = std::make_unique<Member>();
    member->conference = conference;
    member->slot = slot;
    member->owner = index_;
    member->remote = address_of(number);
    member->local = kOurs;
    if (sends) member->endpoint = std::make_unique<Endpoint>();
    post(AddMember{std::move(member),
                   {.header = headers_towards(number),
                    .port = static_cast<PortIndex>(sends ? 0 : 1),
                    .state = Recipient::State::resolved}});
    const auto* keys = keys_[number].get();
    if (!sends) return post(SetTransmitKeys{conference, slot, keys, 1});
    post(InstallReceiveKeys{conference, slot, keys});
}

void FanOut::post(decltype(Command::body) body) {
    auto command = std::make_unique<Command>();
    command->body = std::move(body);
    if (!mailbox_.post(command)) throw std::runtime_error("the mailbox is full");
    worker_->poll_once();
    if (!mailbox_.acknowledged()) throw std::runtime_error("a command was not carried out");
}

unsigned FanOut::grant() {
    unsigned granted = 0;
    Notice notice;
    while (mailbox_.next(notice)) {
        if (notice.kind != Notice::Kind::ssrc_seen)
            throw std::runtime_error("the worker says what nobody expects");
        post(GrantSsrc{notice.conference, notice.member, streams_[notice.ssrc - kFirstSsrc].get(),
                       notice.epoch});
        ++granted;
    }
    return granted;
}

void FanOut::check_drops() const {
    for (std::size_t v = 1; v < srtp::kVerdictTexts.size(); ++v)
        if (const auto count = worker_->counters().drops[v].read(); count != 0)
            throw std::runtime_error(
                fmt::format("The loop lost {} packets: {}.", count, srtp::kVerdictTexts[v].name));
}

}  // namespace mdd::bench
