// Peers of the first dialect that misbehave, at either end: each case names what they do, what our
// session says of it, and which alert they get.
#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/unit/tunnel/hostile_peer.h"
#include "tests/unit/tunnel/session_pair.h"

namespace mdd::tunnel {
namespace {

using namespace test;
using Bytes = std::vector<std::uint8_t>;

// A session of ours against a raw DTLS peer.
class Duel {
  public:
    Duel(Role ours, const Credentials& credentials, const RawTlsShape& shape)
        : context_(ours, credentials), session(context_, {}), raw(shape) {}

    void exchange() {
        for (bool moved = true; moved;) {
            moved = false;
            while (const auto datagram = session.next_datagram()) {
                raw.take(*datagram);
                moved = true;
            }
            while (const auto datagram = raw.said()) {
                session.on_datagram({}, *datagram, kAddress);
                moved = true;
            }
        }
        while (const auto event = session.next_event()) {
            if (const auto* down = std::get_if<Down>(&*event)) {
                reason = to_string(down->reason);
                text = down->text;
            }
            received += std::holds_alternative<Received>(*event);
        }
    }
    void connect() {
        session.start({});
        raw.start();
        exchange();
    }
    void inject(const Bytes& datagram) {
        session.on_datagram({}, datagram, kAddress);
        exchange();
    }

  private:
    static constexpr std::uint8_t kAddress[] = {1, 2, 3};
    SecureContext context_;

  public:
    Session session;
    RawDtls raw;
    std::string reason = "none";
    std::string text;
    int received = 0;
};

TEST(TunnelHostileDatagram, PeersThatCannotProveWhoTheyAreHaveNoTunnel) {
    const auto good = pki().issue("peer-good");
    for (const Role ours : {Role::kmf, Role::mdd}) {
        const Role theirs = ours == Role::kmf ? Role::mdd : Role::kmf;
        const struct {
            const char* name;
            RawTlsShape shape;
            const char* reason;
            int alert;
            std::vector<Sha256> pins;
        } cases[] = {
            {"wrong CA", shaped(theirs, other_pki().issue("peer-x")), "refused_by_us", 48, {}},
            {"self-signed",
             shaped(theirs, pki().self_signed("peer-self")),
             "refused_by_us",
             48,
             {}},
            {"expired", shaped(theirs, pki().issue_expired("peer-old")), "refused_by_us", 45, {}},
            {"not yet valid",
             shaped(theirs, pki().issue_not_yet_valid("peer-new")),
             "refused_by_us",
             42,
             {}},
            {"pin mismatch", shaped(theirs, good), "refused_by_us", 42, {Sha256{}}},
            {"DTLS 1.0 only",
             shaped(theirs, good,
                    [](SSL_CTX* c) {
                        SSL_CTX_set_security_level(c, 0);
                        SSL_CTX_set_min_proto_version(c, DTLS1_VERSION);
                        SSL_CTX_set_max_proto_version(c, DTLS1_VERSION);
                    }),
             ours == Role::kmf ? "handshake_failed" : "refused_by_peer",
             ours == Role::kmf ? 70 : kNoAlert,
             {}},
            {"a cipher suite that we do not have",
             shaped(theirs, good,
                    [](SSL_CTX* c) { SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-SHA"); }),
             ours == Role::kmf ? "handshake_failed" : "refused_by_peer",
             ours == Role::kmf ? 40 : kNoAlert,
             {}},
        };
        for (const auto& hostile : cases) {
            Credentials credentials = pki().credentials("ours");
            credentials.pins = hostile.pins;
            Duel duel(ours, credentials, hostile.shape);
            duel.connect();
            EXPECT_EQ(duel.reason, hostile.reason) << hostile.name << ": " << duel.text;
            EXPECT_EQ(duel.raw.alert(), hostile.alert) << hostile.name;
            EXPECT_FALSE(duel.session.is_up()) << hostile.name;
        }
    }
}

Bytes datagram(std::uint8_t type, std::uint16_t epoch, std::uint8_t sequence,
               const std::string& fragment_hex) {
    const Bytes fragment = from_hex(fragment_hex);
    Bytes bytes{type,
                0xfe,
                0xfd,
                static_cast<std::uint8_t>(epoch >> 8),
                static_cast<std::uint8_t>(epoch),
                0,
                0,
                0,
                0,
                0,
                sequence,
                static_cast<std::uint8_t>(fragment.size() >> 8),
                static_cast<std::uint8_t>(fragment.size())};
    for (const auto byte : fragment) bytes.push_back(byte);
    return bytes;
}

// Anybody who can forge the peer's address can send these. An established tunnel believes none.
TEST(TunnelHostileDatagram, ForgedDatagramsDoNotTouchAnEstablishedTunnel) {
    const struct {
        const char* name;
        Bytes bytes;
    } cases[] = {
        {"a fatal alert of epoch 0", datagram(21, 0, 200, "0228")},
        {"a close_notify of epoch 0", datagram(21, 0, 201, "0100")},
        {"a warning alert of epoch 0", datagram(21, 0, 202, "015a")},
        {"a fatal alert of epoch 1, unauthentic", datagram(21, 1, 99, std::string(60, '0'))},
        {"a ClientHello of epoch 0", datagram(22, 0, 203, "01000000000000000000000000")},
        {"a HelloRequest of epoch 0", datagram(22, 0, 204, "000000000000000000000000")},
        {"application data of epoch 0", datagram(23, 0, 205, "00112233")},
        {"ChangeCipherSpec of epoch 0", datagram(20, 0, 206, "01")},
        {"an ACK of epoch 0", datagram(26, 0, 207, "0000")},
        {"a record of epoch 2", datagram(23, 2, 0, std::string(60, '0'))},
        {"a record of epoch 65,535", datagram(23, 65535, 0, std::string(60, '0'))},
        {"an empty record of epoch 1", datagram(23, 1, 100, "")},
        {"a record shorter than its tag", datagram(23, 1, 101, "0011")},
        {"a record cut short", from_hex("17fefd000100000000000100ff00")},
        {"half a record header", from_hex("17fefd0001")},
        {"a record of version 1.3", from_hex("17fefc0001000000000001000100")},
        {"plaintext HTTP", from_hex("474554202f20485454502f312e310d0a")},
        {"an RTP packet", from_hex("8000000100000000deadbeef")},
        {"a giant", Bytes(65507, 0x17)},
    };
    for (const Role ours : {Role::kmf, Role::mdd}) {
        const Role theirs = ours == Role::kmf ? Role::mdd : Role::kmf;
        Duel duel(ours, pki().credentials("ours"), shaped(theirs, pki().issue("peer-good")));
        duel.connect();
        ASSERT_TRUE(duel.session.is_up());
        for (const auto& [name, bytes] : cases) {
            for (int i = 0; i < 50; ++i) duel.inject(bytes);
            EXPECT_EQ(duel.reason, "none") << name << ": " << duel.text;
        }
        EXPECT_EQ(duel.session.counters().refused_total(), 0u);
        const auto message = encode(message_of(5, 20));
        duel.raw.say(message->bytes());
        duel.exchange();
        EXPECT_EQ(duel.received, 1) << "the tunnel carries on";
    }
}

TEST(TunnelHostileDatagram, AListeningKmfKeepsNoStateForWhatIsNoClientHelloWithACookie) {
    SecureContext context(Role::kmf, pki().credentials("kmf-l"));
    Session kmf(context, {});
    const std::uint8_t address[] = {7};
    const Bytes cases[] = {
        datagram(22, 0, 0, "0100ffff0000000000000010" + std::string(32, 'a')),
        datagram(22, 0, 0, "01ffffff000000000000ffff"),
        datagram(22, 0, 0, "010000300000300000000030" + std::string(96, '0')),
        datagram(22, 0, 0, "02000000000000000000000000"),
        datagram(20, 0, 0, "01"),
        datagram(21, 0, 0, "0228"),
        datagram(23, 0, 0, "00"),
        datagram(22, 1, 0, "010000000000000000000000"),
        Bytes(1, 22),
        Bytes(1400, 0xff),
    };
    for (const Bytes& bytes : cases)
        for (int i = 0; i < 20; ++i) kmf.on_datagram({}, bytes, address);
    EXPECT_TRUE(kmf.is_listening());
    EXPECT_FALSE(kmf.next_event());
}

struct Bomb {
    const char* name;
    std::string message_hex;
    DecodeReason reason;
};

const std::string kHead = "0100" + std::string(64, 'a');

void expect_bombs_counted(Role ours, const std::vector<Bomb>& bombs) {
    const Role theirs = ours == Role::kmf ? Role::mdd : Role::kmf;
    for (const auto& bomb : bombs) {
        Duel duel(ours, pki().credentials("ours"), shaped(theirs, pki().issue("peer-good")));
        duel.connect();
        duel.raw.say(from_hex(bomb.message_hex));
        duel.exchange();
        EXPECT_EQ(duel.session.counters().refused[static_cast<std::size_t>(bomb.reason)], 1u)
            << bomb.name;
        EXPECT_EQ(duel.session.counters().refused_total(), 1u) << bomb.name;
        EXPECT_EQ(duel.received, 0) << bomb.name;
        EXPECT_TRUE(duel.session.is_up()) << bomb.name << ": one record, one message";
    }
}

TEST(TunnelHostileDatagram, CodecBombsFromAnMddAreCountedAndCostOneRecord) {
    expect_bombs_counted(
        Role::kmf,
        {
            {"one byte", "01", DecodeReason::too_short},
            {"no type", kHead, DecodeReason::too_short},
            {"version 2", "0200" + std::string(64, 'a') + "000000", DecodeReason::version},
            {"type 3", kHead + "030000", DecodeReason::unknown_type},
            {"type 255", kHead + "ff0000", DecodeReason::unknown_type},
            {"keys", kHead + "020000", DecodeReason::wrong_direction},
            {"a profile list of 65,535", kHead + "01ffff0009", DecodeReason::profile_list},
            {"an odd profile list", kHead + "010003000900", DecodeReason::profile_list},
            {"an empty profile list", kHead + "010000", DecodeReason::profile_list},
            {"an MKI of 255", kHead + "0100020009ff", DecodeReason::mki},
            {"a DTLS message of 65,535", kHead + "00ffffaa", DecodeReason::too_short},
            {"a tail", kHead + "000000aa", DecodeReason::trailing_bytes},
        });
}

TEST(TunnelHostileDatagram, CodecBombsFromAKmfAreCountedAndCostOneRecord) {
    expect_bombs_counted(
        Role::mdd,
        {
            {"profiles", kHead + "010000", DecodeReason::wrong_direction},
            {"no profile", kHead + "02", DecodeReason::too_short},
            {"no client key", kHead + "020009", DecodeReason::key_or_salt},
            {"an empty client key", kHead + "0200090000", DecodeReason::key_or_salt},
            {"a client key of 65,535", kHead + "020009ffffaa", DecodeReason::key_or_salt},
            {"an empty server key", kHead + "0200090001aa0000", DecodeReason::key_or_salt},
            {"an empty salt", kHead + "0200090001aa0001bb0000", DecodeReason::key_or_salt},
            {"keys without the rest", kHead + "0200090001aa0001bb0001cc0001dd",
             DecodeReason::too_short},
            {"keys with a tail", kHead + "0200090001aa0001bb0001cc0001dd000000",
             DecodeReason::trailing_bytes},
        });
}

}  // namespace
}  // namespace mdd::tunnel
