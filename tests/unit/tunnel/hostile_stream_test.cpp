// Peers of RFC 9185 that misbehave before or while the tunnel comes up, at either end: each case
// names what they do, what our session says of it, and which alert they get.
#include <gtest/gtest.h>

#include "tests/unit/tunnel/stream_duel.h"

namespace mdd::tunnel {
namespace {

using namespace test;

TEST(TunnelHostileStream, PeersThatCannotProveWhoTheyAreHaveNoTunnel) {
    const auto good = pki().issue("peer-good");
    for (const Role ours : {Role::kmf, Role::mdd}) {
        const Role theirs = ours == Role::kmf ? Role::mdd : Role::kmf;
        run(ours, {
                      {"wrong CA", shaped(theirs, other_pki().issue("peer-x")), do_nothing,
                       "refused_by_us", unknown_ca},
                      {"self-signed", shaped(theirs, pki().self_signed("peer-self")), do_nothing,
                       "refused_by_us", unknown_ca},
                      {"expired", shaped(theirs, pki().issue_expired("peer-old")), do_nothing,
                       "refused_by_us", certificate_expired},
                      {"not yet valid", shaped(theirs, pki().issue_not_yet_valid("peer-new")),
                       do_nothing, "refused_by_us", bad_certificate},
                      {"pin mismatch",
                       shaped(theirs, good),
                       do_nothing,
                       "refused_by_us",
                       bad_certificate,
                       {Sha256{}}},
                      {"pinned by its certificate instead of its key",
                       shaped(theirs, good),
                       do_nothing,
                       "refused_by_us",
                       bad_certificate,
                       {good.certificate_sha256}},
                  });
    }
}

TEST(TunnelHostileStream, AnMddThatFailsTheHandshakeIsToldWhyAndHasNoTunnel) {
    const auto good = pki().issue("peer-good");
    const auto with = [&](std::function<void(SSL_CTX*)> change) {
        return shaped(Role::mdd, good, std::move(change));
    };
    run(Role::kmf,
        {
            {"no certificate", RawTlsShape{}, do_nothing, "refused_by_us", certificate_required},
            {"TLS 1.2 only",
             with([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); }), do_nothing,
             "handshake_failed", protocol_version},
            {"a cipher suite that we do not have",
             with([](SSL_CTX* c) { SSL_CTX_set_ciphersuites(c, "TLS_AES_128_CCM_SHA256"); }),
             do_nothing, "handshake_failed", handshake_failure},
            {"a group that we do not have",
             with([](SSL_CTX* c) { SSL_CTX_set1_groups_list(c, "P-521"); }), do_nothing,
             "handshake_failed", handshake_failure},
        });
}

// A KMF that has not heard a ClientHello yet, and gets other bytes instead.
std::string what_a_kmf_makes_of(const Bytes& bytes, std::size_t piece_bytes = 65536) {
    SecureContext context(Role::kmf, pki().credentials("kmf-h"), Dialect::rfc9185);
    StreamSession kmf(context, {}, {});
    kmf.start({});
    for (std::size_t at = 0; at < bytes.size(); at += piece_bytes)
        kmf.on_bytes({}, srtp::Bytes(bytes).subspan(at, std::min(piece_bytes, bytes.size() - at)));
    const auto lines = told(kmf);
    return lines.empty() ? "waits" : lines.back();
}

TEST(TunnelHostileStream, BytesThatAreNoHandshakeEndTheConnection) {
    const struct {
        const char* name;
        Bytes bytes;
        const char* expected;
    } cases[] = {
        {"plaintext HTTP", text_bytes("GET / HTTP/1.1\r\nHost: kmf\r\n\r\n"),
         "down handshake_failed"},
        {"an HTTP proxy's request", text_bytes("CONNECT kmf:443 HTTP/1.1\r\n\r\n"),
         "down handshake_failed"},
        {"an SSH banner", text_bytes("SSH-2.0-OpenSSH_9.2\r\n"), "down handshake_failed"},
        {"zeros", Bytes(100, 0), "down handshake_failed"},
        {"a tunnel message in the clear", hex("0100070000040009000a"), "down handshake_failed"},
        {"a DTLS ClientHello", hex("16feff000000000000000000360100002a"), "down handshake_failed"},
        {"a record longer than any", hex("160301ffff"), "down handshake_failed"},
        {"a giant ClientHello", hex("16030100040100ffff"), "waits"},
        {"a handshake message of 16 MB", hex("160301000401ffffff"), "down handshake_failed"},
        {"a ServerHello", hex("160303000402000000"), "down handshake_failed"},
        {"application data first", hex("170303000401020304"), "down handshake_failed"},
        {"ChangeCipherSpec first", hex("140303000101"), "down handshake_failed"},
        {"a fatal alert first", hex("15030100020228"), "down handshake_failed"},
        {"a close_notify first", hex("15030100020100"), "down handshake_failed"},
        {"warning alerts without end", repeated(hex("1503010002015a"), 40),
         "down handshake_failed"},
        {"empty records without end", repeated(hex("1603010000"), 100), "down handshake_failed"},
        {"half a ClientHello", hex("16030100c8010000c40303"), "waits"},
        {"half a record header", hex("1603"), "waits"},
    };
    for (const auto& [name, bytes, expected] : cases) {
        EXPECT_EQ(what_a_kmf_makes_of(bytes), expected) << name;
        EXPECT_EQ(what_a_kmf_makes_of(bytes, 1), expected) << name << ", one byte at a time";
    }
}

TEST(TunnelHostileStream, AnMddThatBreaksTheProtocolLosesItsConnection) {
    const auto shape = shaped(Role::mdd, pki().issue("peer-good"));
    const std::string id = kId;
    run(Role::kmf,
        {
            {"HTTP inside TLS", shape, says("474554202f20485454502f312e310d0a"), "protocol_error",
             close_notify},
            {"DTLS before profiles", shape, says("040013" + id + "0001ff"), "protocol_error",
             close_notify},
            {"an unassigned type before profiles", shape, says("f00000"), "protocol_error",
             close_notify},
            {"keys from an MDD", shape, says(kProfiles + "030000"), "protocol_error", close_notify},
            {"unsupported_version from an MDD", shape, says(kProfiles + "02000100"),
             "protocol_error", close_notify},
            {"the reserved type", shape, says(kProfiles + "000000"), "protocol_error",
             close_notify},
            {"other profiles later", shape, says(kProfiles + "0100050000020009"), "protocol_error",
             close_notify},
            {"profiles of the second version", shape, says("0100070100040009000a"),
             "version_unsupported", close_notify},
            {"profiles of the last version, never ending", shape, says("01ffffff"),
             "version_unsupported", close_notify},
            {"an odd profile list", shape, says("0100060000030009ff"), "protocol_error",
             close_notify},
            {"an empty profile list", shape, says("010003000000"), "protocol_error", close_notify},
            {"an empty DTLS message", shape, says(kProfiles + "040012" + id + "0000"),
             "protocol_error", close_notify},
            {"a DTLS message past its body", shape, says(kProfiles + "040013" + id + "ffff00"),
             "protocol_error", close_notify},
            {"a disconnect with a tail", shape, says(kProfiles + "050011" + id + "00"),
             "protocol_error", close_notify},
        });
}

TEST(TunnelHostileStream, AKmfThatBreaksTheProtocolLosesItsConnection) {
    const auto shape = shaped(Role::kmf, pki().issue("peer-good"));
    const std::string id = kId;
    run(Role::mdd,
        {
            {"profiles from a KMF", shape, says(kProfiles), "protocol_error", close_notify},
            {"the reserved type", shape, says("000000"), "protocol_error", close_notify},
            {"unsupported_version of the announced version", shape, says("02000100"),
             "version_unsupported", close_notify},
            {"unsupported_version of another version", shape, says("02000109"),
             "version_unsupported", close_notify},
            {"unsupported_version of two bytes", shape, says("0200020000"), "protocol_error",
             close_notify},
            {"keys without anything", shape, says("030000"), "protocol_error", close_notify},
            {"an empty client key", shape, says("030014" + id + "00090000"), "protocol_error",
             close_notify},
            {"an MKI past the end", shape, says("030013" + id + "0009ff"), "protocol_error",
             close_notify},
            {"keys with a tail", shape, says("03001c" + id + "00090001aa01bb01cc01ddee"),
             "protocol_error", close_notify},
            {"HTTP inside TLS", shape, says("474554202f"), "none", kNoAlert},
            {"an alert right after the handshake", shape,
             [](StreamAgainstRaw& duel) { duel.raw.close(); }, "refused_by_peer", kNoAlert},
        });
}

TEST(TunnelHostileStream, AServerThatFailsTheHandshakeIsLeft) {
    const auto good = pki().issue("peer-good");
    run(Role::mdd,
        {
            {"TLS 1.2 only",
             shaped(Role::kmf, good,
                    [](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); }),
             do_nothing, "refused_by_peer", kNoAlert},
            {"no certificate at all", RawTlsShape{Role::kmf, "", "", true, [](SSL_CTX*) {}},
             do_nothing, "refused_by_peer", kNoAlert},
            {"a group that we do not have",
             shaped(Role::kmf, good, [](SSL_CTX* c) { SSL_CTX_set1_groups_list(c, "P-521"); }),
             do_nothing, "refused_by_peer", kNoAlert},
        });
}

// An MDD that has sent its ClientHello and gets these bytes.
std::string what_an_mdd_makes_of(const Bytes& bytes) {
    SecureContext context(Role::mdd, pki().credentials("mdd-h"), Dialect::rfc9185);
    StreamSession mdd(context, {}, {0, {9}});
    mdd.start({});
    mdd.on_bytes({}, bytes);
    const auto lines = told(mdd);
    return lines.empty() ? "waits" : lines.back();
}

TEST(TunnelHostileStream, AnswersThatAreNoHandshakeEndTheAttempt) {
    const struct {
        const char* name;
        Bytes bytes;
        const char* expected;
    } cases[] = {
        {"an HTTP answer", text_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), "down handshake_failed"},
        {"a mail server's greeting", text_bytes("220 mail ESMTP\r\n"), "down handshake_failed"},
        {"its own ClientHello back", hex("160301000401000000"), "down handshake_failed"},
        {"a record longer than any", hex("160303ffff"), "down handshake_failed"},
        {"application data", hex("170303000401020304"), "down handshake_failed"},
        {"a fatal alert", hex("15030300020246"), "down refused_by_peer"},
        {"a close_notify", hex("15030300020100"), "down refused_by_peer"},
        {"empty records without end", repeated(hex("1603030000"), 100), "down handshake_failed"},
        {"half a ServerHello", hex("160303005a020000560303"), "waits"},
    };
    for (const auto& [name, bytes, expected] : cases)
        EXPECT_EQ(what_an_mdd_makes_of(bytes), expected) << name;
}

}  // namespace
}  // namespace mdd::tunnel
