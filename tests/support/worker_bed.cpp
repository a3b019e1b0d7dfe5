// The bed's control side and its endpoints: see worker_bed.h.
#include "tests/support/worker_bed.h"

#include <stdexcept>

#include "dataplane/net/frame.h"
#include "dataplane/srtp/demux.h"
#include "dataplane/srtp/rtp.h"
#include "tests/support/ohb_reference.h"

namespace mdd::test {
namespace {

const net::SocketAddress kOurs{*net::parse_ipv4("10.9.0.1"), net::to_be(WorkerBed::kUdpPort)};

net::MacAddress mac_of(unsigned member) {
    return {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(member)}};
}

// Another one for each bed: the nonce ledger spans the process and would take two beds with equal
// keys for a repeat.
std::uint64_t next_seed() {
    static std::uint64_t seed = 0;
    return ++seed;
}

std::string unique_name() {
    static int count = 0;
    return "bed" + std::to_string(count++);
}

}  // namespace

WorkerBed::WorkerBed(const BedOptions& options) : options_(options), random_(next_seed()) {
    const auto name = unique_name();
    const auto queues = static_cast<std::uint16_t>(options.workers);
    ring_ = std::make_unique<RingPort>(name, queues, queues, 2048, 2047);
    pool_ = make_packet_pool(name + "-tx", 2047, SOCKET_ID_ANY, options.copy_frame_bytes);
    ring_->expect_from(pool_.get());
    for (unsigned i = 0; i < options.workers * options.workers; ++i)
        queues_.push_back(std::make_unique<HandOffQueue>(kHandOffRoom));
    for (unsigned w = 0; w < options.workers; ++w) {
        WorkerConfig config{.index = static_cast<WorkerIndex>(w),
                            .ports = {{&ring_->port(), kOurs.ip, static_cast<int>(w),
                                       static_cast<std::uint16_t>(w)}},
                            .udp_ports = {kUdpPort, kOtherUdpPort},
                            .pool = pool_.get(),
                            .adaptive_idle = false,
                            .conferences = options.conferences,
                            .flows = options.members};
        for (unsigned other = 0; other < options.workers; ++other) {
            const bool self = other == w;
            config.to_worker.push_back(self ? nullptr : queues_[w * options.workers + other].get());
            config.from_worker.push_back(self ? nullptr
                                              : queues_[other * options.workers + w].get());
        }
        mailboxes_.push_back(std::make_unique<Mailbox>(256));
        workers_.push_back(std::make_unique<Worker>(std::move(config), *mailboxes_.back()));
    }
    const auto audio = PayloadTypes{}.set(kAudioType);
    for (unsigned c = 0; c < options.conferences; ++c)
        post_all([&] {
            return AddConference{static_cast<ConferenceSlot>(c),
                                 std::make_unique<Conference>(options.members, audio)};
        });
    for (unsigned m = 0; m < options.members; ++m) {
        owners_.push_back(options.owner ? options.owner(m)
                                        : static_cast<WorkerIndex>(m % options.workers));
        seat(m);
    }
    keys_.resize(options.members);
    transmit_.resize(options.members);
    inbox_.resize(options.members);
    refused_.resize(options.members);
    key_starts_.resize(options.members);
}

net::SocketAddress WorkerBed::address_of(unsigned member) {
    return {net::to_be(0x0a090002u + member), net::to_be(std::uint16_t{40000})};
}

void WorkerBed::seat(unsigned m, Recipient::State state) {
    const bool known = state == Recipient::State::resolved;
    for (unsigned w = 0; w < options_.workers; ++w) {
        auto member = std::make_unique<Member>();
        member->conference = conference_of(m);
        member->slot = static_cast<MemberSlot>(m);
        member->owner = owners_[m];
        member->remote = address_of(m);
        member->local = kOurs;
        member->next_hop = member->remote.ip;
        if (w == owners_[m]) member->endpoint = std::make_unique<Endpoint>();
        post(static_cast<WorkerIndex>(w),
             AddMember{std::move(member),
                       {.header = net::make_header_template(ring_->port().mac(),
                                                            known ? mac_of(m) : net::MacAddress{},
                                                            kOurs, address_of(m)),
                        .state = state}});
    }
}

void WorkerBed::drain() {
    for (auto& worker : workers_) worker->drain();
}

WorkerBed::~WorkerBed() {
    drain();
    for (const auto& notice : notices_)
        if (notice.packet != nullptr) rte_pktmbuf_free(notice.packet);
    workers_.clear();
    ring_->collect_all();
}

void WorkerBed::post(WorkerIndex worker, decltype(Command::body) body) {
    hand_in(worker, std::move(body));
    workers_[worker]->poll_once();
    if (take_back(worker) != 1) throw std::runtime_error("command was not acknowledged");
}

void WorkerBed::hand_in(WorkerIndex worker, decltype(Command::body) body) {
    auto command = std::make_unique<Command>();
    command->body = std::move(body);
    if (!mailboxes_[worker]->post(command)) throw std::runtime_error("mailbox full");
}

unsigned WorkerBed::take_back(WorkerIndex worker) {
    unsigned count = 0;
    while (mailboxes_[worker]->acknowledged()) ++count;
    return count;
}

Decision WorkerBed::decide(unsigned member, std::uint64_t epoch) {
    hand_in(owners_[member],
            DecideKeys{conference_of(member), static_cast<MemberSlot>(member), epoch});
    workers_[owners_[member]]->poll_once();
    const auto answer = mailboxes_[owners_[member]]->acknowledged();
    return std::get<DecideKeys>(answer->body).decision;
}

bool WorkerBed::heard(unsigned member) {
    hand_in(owners_[member], PollActivity{conference_of(member), static_cast<MemberSlot>(member)});
    workers_[owners_[member]]->poll_once();
    const auto answer = mailboxes_[owners_[member]]->acknowledged();
    return std::get<PollActivity>(answer->body).heard;
}

void WorkerBed::fill_notices(WorkerIndex worker) {
    while (mailboxes_[worker]->notify({.kind = Notice::Kind::neighbour})) {
    }
}

decltype(Command::body) WorkerBed::ssrc_owner(std::uint32_t ssrc, unsigned member) const {
    SsrcOwners made{{ssrc, {static_cast<MemberSlot>(member)}}};
    return SetSsrcOwner{conference_of(member), made.extract(made.begin())};
}

void WorkerBed::post_all(const std::function<decltype(Command::body)()>& make) {
    for (unsigned w = 0; w < options_.workers; ++w) post(static_cast<WorkerIndex>(w), make());
}

void WorkerBed::key(unsigned member, bool switch_now, bool fresh, bool goes_on) {
    const auto key_bytes = srtp::traits_of(options_.profile).hop_key_bytes;
    const auto secret = [&](std::size_t size) {
        Packet bytes(size);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
        return bytes;
    };
    auto keys = std::make_unique<Keys>();
    keys->epoch = ++epoch_;
    for (const bool client : {true, false}) {
        const auto key = secret(key_bytes), salt = secret(srtp::kHopSaltBytes);
        srtp::MasterKey master{srtp::Secret<32>(key), srtp::Secret<12>(salt)};
        (client ? keys->client : keys->server) =
            srtp::make_keyset(options_.profile, master, keys->epoch);
        auto& session = client ? keys->send : keys->receive;
        if (client && goes_on) {
            session = std::move(keys_[member].back()->send);
            session->rekey(key, salt, /*outbound=*/true);
        } else {
            session = std::make_unique<LibsrtpSession>(key, salt, client);
        }
    }
    post(owners_[member], InstallReceiveKeys{conference_of(member), static_cast<MemberSlot>(member),
                                             keys->client.get()});
    keys_[member].push_back(std::move(keys));
    if (switch_now) switch_transmit(member, fresh);
}

void WorkerBed::switch_transmit(unsigned member, bool fresh) {
    transmit_[member] = keys_[member].size() - 1;
    if (fresh) key_starts_[member] = ++key_start_;
    post_all([&] {
        return SetTransmitKeys{conference_of(member), static_cast<MemberSlot>(member),
                               keys_[member].back()->server.get(), key_starts_[member]};
    });
}

void WorkerBed::leave(unsigned member) {
    post_all([&] {
        return SetTransmitKeys{conference_of(member), static_cast<MemberSlot>(member), nullptr,
                               key_starts_[member]};
    });
    post(owners_[member],
         RetireReceiveKeys{conference_of(member), static_cast<MemberSlot>(member), true});
}

Packet WorkerBed::make_rtp(unsigned member, std::uint32_t ssrc, std::uint16_t sequence,
                           std::size_t payload_bytes, const Packet& ohb,
                           std::uint8_t payload_type) {
    Packet rtp(12 + payload_bytes);
    rtp[0] = 0x80;
    rtp[1] = payload_type;
    srtp::store_be16(rtp.data() + 2, sequence);
    srtp::store_be32(rtp.data() + 8, ssrc);
    for (std::size_t i = 12; i < rtp.size(); ++i) rtp[i] = static_cast<std::uint8_t>(random_());
    if (is_double()) rtp.insert(rtp.end(), ohb.begin(), ohb.end());
    if (keys_[member].back()->send->protect(rtp) != srtp_err_status_ok)
        throw std::runtime_error("libsrtp refused to protect");
    if (is_double()) rtp.push_back(0);  // ShortEKTField
    return rtp;
}

void WorkerBed::send_rtp(unsigned member, std::uint32_t ssrc, std::uint16_t sequence,
                         std::size_t payload_bytes, int queue, std::uint8_t payload_type) {
    send_datagram(member, make_rtp(member, ssrc, sequence, payload_bytes, {0}, payload_type),
                  queue);
}

void WorkerBed::send_rtcp(unsigned member, const Packet& compound, int queue) {
    auto packet = compound;
    if (keys_[member].back()->send->protect_rtcp(packet) != srtp_err_status_ok)
        throw std::runtime_error("libsrtp refused to protect");
    send_datagram(member, packet, queue);
}

Packet WorkerBed::frame_from(unsigned member, const Packet& datagram) {
    const auto header =
        net::make_header_template(mac_of(member), mac_of(200), address_of(member), kOurs);
    Packet frame(net::kHeaderBytes);
    frame.insert(frame.end(), datagram.begin(), datagram.end());
    net::write_headers(header, frame.data(), datagram.size());
    net::write_udp_checksum(header, frame.data(), datagram.size());
    return frame;
}

void WorkerBed::send_datagram(unsigned member, const Packet& datagram, int queue) {
    const int chosen = queue >= 0 ? queue : owners_[member];
    ring_->inject(static_cast<std::uint16_t>(chosen), frame_from(member, datagram));
}

void WorkerBed::step() {
    for (bool busy = true; busy;) {
        busy = false;
        for (std::size_t w = 0; w < workers_.size(); ++w) {
            busy |= workers_[w]->poll_once();
            for (Notice notice; mailboxes_[w]->next(notice); busy = true) answer(notice);
        }
    }
    collect();
}

void WorkerBed::collect() {
    for (const auto& frame : ring_->collect_all()) deliver(frame);
}

void WorkerBed::answer(const Notice& notice) {
    notices_.push_back(notice);
    if (notice.kind != Notice::Kind::ssrc_seen || !options_.grant_ssrcs) return;
    auto& [owner, stream] = streams_[notice.ssrc];
    if (!stream) {
        owner = notice.member;
        stream = std::make_unique<Stream>(notice.ssrc, options_.members);
        post_all([&] { return ssrc_owner(notice.ssrc, notice.member); });
    }
    if (owner == notice.member)
        post(notice.worker,
             GrantSsrc{notice.conference, notice.member, stream.get(), notice.epoch});
    else
        post(notice.worker, RefuseSsrc{notice.conference, notice.member, notice.ssrc, notice.epoch,
                                       srtp::Verdict::ssrc_owned});
}

void WorkerBed::deliver(const Packet& frame) {
    net::Frame parsed;
    if (net::parse_frame(frame, parsed) != srtp::Verdict::accepted ||
        parsed.kind != net::FrameKind::udp)
        return;
    const auto payload = net::payload_of(frame, parsed);
    for (unsigned m = 0; m < options_.members; ++m)
        if (parsed.destination == address_of(m)) open(m, Packet(payload.begin(), payload.end()));
}

void WorkerBed::open(unsigned member, const Packet& datagram) {
    auto& session = *keys_[member][transmit_[member]]->receive;
    Received received;
    received.is_rtcp = srtp::classify_datagram(datagram) == srtp::DatagramKind::rtcp;
    received.plain = datagram;
    if (received.is_rtcp) {
        if (session.unprotect_rtcp(received.plain) != srtp_err_status_ok) {
            ++refused_[member];
            return;
        }
        inbox_[member].push_back(std::move(received));
        return;
    }
    if (is_double()) {
        const auto tag = srtp::ekt_tag_bytes(datagram);
        if (!tag) throw std::runtime_error("a copy came out without an EKT tag");
        received.tail.assign(datagram.end() - static_cast<std::ptrdiff_t>(*tag), datagram.end());
        received.plain.resize(datagram.size() - *tag);
    }
    if (session.unprotect(received.plain) != srtp_err_status_ok) {
        ++refused_[member];
        return;
    }
    received.ssrc = srtp::load_be32(received.plain.data() + 8);
    received.sequence = received.original_sequence = srtp::load_be16(received.plain.data() + 2);
    if (is_double()) {
        const auto ohb = srtp::read_ohb(srtp::Bytes(received.plain).subspan(12));
        if (!ohb) throw std::runtime_error("a copy came out with a malformed OHB");
        received.original_sequence = ohb->sequence.value_or(received.sequence);
        received.plain.resize(received.plain.size() - ohb->size_bytes());
    }
    inbox_[member].push_back(std::move(received));
}

std::vector<Received> WorkerBed::take(unsigned member) {
    return std::exchange(inbox_[member], {});
}

void WorkerBed::pause(unsigned source, std::uint32_t ssrc, unsigned receiver, bool paused) {
    auto* stream = streams_.at(ssrc).second.get();
    post(owners_[source], PauseLeg{stream, static_cast<MemberSlot>(receiver), paused});
}

std::uint64_t WorkerBed::dropped(srtp::Verdict verdict) const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_)
        sum += worker->counters().drops[static_cast<std::size_t>(verdict)].read();
    return sum;
}

std::uint64_t WorkerBed::total(Counter Counters::*counter) const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += (worker->counters().*counter).read();
    return sum;
}

bool WorkerBed::conserved() const {
    std::uint64_t on_receive = 0, on_leg = 0, to_control = 0;
    for (std::size_t v = 1; v < srtp::kVerdictTexts.size(); ++v)
        (srtp::kVerdictTexts[v].on_leg ? on_leg : on_receive) +=
            dropped(static_cast<srtp::Verdict>(v));
    for (const auto& notice : notices_) to_control += notice.packet != nullptr ? 1 : 0;
    if (ring_->unexpected() != 0) return false;
    return total(&Counters::received) == total(&Counters::consumed) + on_receive + to_control &&
           total(&Counters::planned) + total(&Counters::originated) ==
               total(&Counters::sent) + on_leg;
}

unsigned WorkerBed::free_buffers() const {
    return ring_->free_buffers() + rte_mempool_avail_count(pool_.get());
}

}  // namespace mdd::test
