// Playing workers and KMF around the real control.
#include "tests/unit/control/control_bed.h"

#include <algorithm>

#include "dataplane/datagram.h"
#include "tests/support/ring_port.h"
#include "tests/unit/control/dtls_datagrams.h"
#include "tests/unit/control/postings_text.h"

namespace mdd::test {
namespace {

tunnel::ConferenceId conference_id(std::uint8_t fill) {
    tunnel::ConferenceId id;
    id.bytes.fill(fill);
    return id;
}

tunnel::SecretBytes filled(std::size_t size_bytes, std::uint8_t fill) {
    tunnel::SecretBytes secret(size_bytes);
    std::ranges::fill(secret.writable(), fill);
    return secret;
}

}  // namespace

PlayedKmf::PlayedKmf(boost::asio::io_context& io, const tunnel::Credentials& credentials,
                     std::uint16_t port)
    : listener_(
          io,
          [&] {
              tunnel::ListenerConfig config;
              config.address = "127.0.0.1";
              config.port = port;
              config.credentials = credentials;
              config.dialects = {tunnel::Dialect::dtls_v1, tunnel::Dialect::rfc9185};
              return config;
          }(),
          *this) {
    listener_.start();
}

void PlayedWorker::carry_out() {
    while (!stuck) {
        auto* command = mailbox.next_command();
        if (command == nullptr) return;
        if (auto* poll = std::get_if<PollActivity>(&command->body))
            poll->heard = hears;
        else
            log.push_back(std::visit(CommandText{}, command->body));
        if (auto* set = std::get_if<SetTransmitKeys>(&command->body)) transmit_keys = set->keys;
        if (auto* set = std::get_if<InstallReceiveKeys>(&command->body)) receive_keys = set->keys;
        if (auto* decide = std::get_if<DecideKeys>(&command->body)) decide->decision = decides;
        if (auto* grant = std::get_if<GrantSsrc>(&command->body)) granted.push_back(grant->stream);
        if (auto* send = std::get_if<SendDatagram>(&command->body)) {
            auto* packet = std::exchange(send->packet, nullptr);
            const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
            sent.emplace_back(data, data + rte_pktmbuf_data_len(packet));
            free_packet(packet);
        }
        mailbox.acknowledge(command);
    }
}

ControlBed::ControlBed() {
    test_eal();
    static unsigned number = 0;
    pool = make_packet_pool("control-test-" + std::to_string(number++), 255, SOCKET_ID_ANY);
    settings.conferences = {{.id = conference_id(0xc0), .kmfs = {0}, .audio = {}, .endpoints = {}},
                            {.id = conference_id(0xd0), .kmfs = {0}, .audio = {}, .endpoints = {}}};
    for (const auto* name : {"alice", "bob", "carol"})
        settings.conferences[0].endpoints.push_back({name, address_of(name)});
    settings.conferences[1].endpoints.push_back({"dave", address_of("dave")});
    settings.ports.resize(1);
    settings.ports[0].mac = {{2, 0, 0, 0, 0, 0xaa}};
    settings.ports[0].address = *net::parse_ipv4_network("192.0.2.10/24");
    settings.ports[0].spreads_flows = true;
    settings.profiles = {srtp::Profile::double_aes_128_gcm, srtp::Profile::double_aes_256_gcm};
    settings.limits.per_source = 1000;
    settings.pool = pool.get();
}

ControlBed::~ControlBed() {
    if (control) {
        control->stop();
        control->drain();
    }
}

void ControlBed::start(std::size_t count) {
    kmf_plans.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto name = "kmf-" + std::to_string(i);
        kmfs.push_back(std::make_unique<PlayedKmf>(io, pki.credentials(name)));
        auto& link = kmf_plans[i].link;
        link.name = name;
        link.host = "127.0.0.1";
        link.port = kmfs.back()->port();
        link.credentials = pki.credentials("mdd");
        link.profiles = {0x0009, 0x000A};
        link.retry_first = std::chrono::milliseconds(20);
        link.session.keepalive.interval = std::chrono::milliseconds(50);
        link.session.keepalive.probes = 4;
    }
    std::vector<control::WorkerDoor> doors;
    for (auto& worker : workers) doors.push_back({&worker.mailbox, {}, worker.node});
    control.emplace(io, settings, kmf_plans, doors);
    control->start();
    run_until([this] {
        return std::ranges::all_of(control->tunnels(), [](const control::TunnelReport& report) {
            return report.tunnels == report.tunnels_up;
        });
    });
}

void ControlBed::restart_kmf(std::size_t index) {
    const auto port = kmfs[index]->port();
    kmfs[index].reset();
    kmfs[index] =
        std::make_unique<PlayedKmf>(io, pki.credentials("kmf-" + std::to_string(index)), port);
}

void ControlBed::step() {
    io.restart();
    io.run_for(std::chrono::milliseconds(1));
    for (auto& worker : workers) worker.carry_out();
}

void ControlBed::run_for(std::chrono::milliseconds time) {
    for (const auto end = control::Clock::now() + time; control::Clock::now() < end;) step();
}

net::SocketAddress ControlBed::address_of(const std::string& name) const {
    return *net::parse_socket_address("192.0.2." + std::to_string(name.front()) + ":40000");
}

void ControlBed::from_endpoint(const std::string& name, const std::vector<std::uint8_t>& datagram,
                               WorkerIndex worker, const net::SocketAddress& local) {
    Notice up{.kind = Notice::Kind::dtls, .worker = worker};
    up.flow = {address_of(name), local};
    up.packet = make_datagram(pool.get(), datagram);
    ASSERT_NE(up.packet, nullptr);
    up.payload_bytes = static_cast<std::uint16_t>(datagram.size());
    notify(worker, up);
}

Notice ControlBed::notice(Notice::Kind kind, MemberSlot member) const {
    Notice made{.kind = kind};
    made.member = member;
    return made;
}

tunnel::AssociationId ControlBed::begin(const std::string& name, WorkerIndex worker,
                                        std::size_t kmf) {
    auto& messages = kmfs[kmf]->messages;
    from_endpoint(name, client_hello({}), worker);
    run_until([&] { return !messages.empty(); });
    if (messages.empty()) return {};
    const auto id = messages.back().association;
    messages.clear();
    return id;
}

tunnel::Message ControlBed::keys(const tunnel::AssociationId& id, std::uint8_t client,
                                 std::uint8_t server) const {
    tunnel::KeyInformation information;
    information.profile = 0x0009;
    information.client_key = filled(16, client);
    information.server_key = filled(16, server);
    information.client_salt = filled(12, client);
    information.server_salt = filled(12, server);
    auto finished = record(20, 0);
    const auto protected_record = record(22, 1);
    finished.insert(finished.end(), protected_record.begin(), protected_record.end());
    return {id, conference_id(0xc0), std::move(information), finished};
}

tunnel::AssociationId ControlBed::key(const std::string& name, std::uint8_t client,
                                      std::uint8_t server, WorkerIndex worker, std::size_t kmf) {
    const auto id = begin(name, worker, kmf);
    const auto before = statistics().down_passed;
    kmfs[kmf]->say(keys(id, client, server));
    run_until([&] { return statistics().down_passed > before; });
    step();
    return id;
}

unsigned ControlBed::count(WorkerIndex worker, const std::string& beginning) const {
    const auto& log = workers[worker].log;
    return static_cast<unsigned>(std::ranges::count_if(
        log, [&](const std::string& line) { return line.starts_with(beginning); }));
}

}  // namespace mdd::test
