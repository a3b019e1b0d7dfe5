// The one table behind kmf.toml. Checks across keys: kmf_checks.cpp.
#include "tools/dtls_srtp/hello_extensions.h"
#include "tools/mdd-kmf/kmf_file.h"

namespace mdd::kmf {
namespace {

using namespace config;
using srtp::Profile;

std::pair<std::string, Profile> word_for(Profile profile) {
    return {std::string(srtp::traits_of(profile).name), profile};
}

Kind<Profile> double_profile() {
    return choice<Profile>(
        {word_for(Profile::double_aes_128_gcm), word_for(Profile::double_aes_256_gcm)});
}

Kind<Profile> any_profile() {
    return choice<Profile>(
        {word_for(Profile::double_aes_128_gcm), word_for(Profile::double_aes_256_gcm),
         word_for(Profile::aead_aes_128_gcm), word_for(Profile::aead_aes_256_gcm)});
}

// A tls-id (RFC 8842 §4).
Kind<std::string> session_id() {
    auto kind = text(255);
    kind.type = "tls-id";
    kind.range = "20..255 letters, digits, + / - _";
    kind.json_schema = R"({"type":"string","pattern":"^[A-Za-z0-9+/_-]{20,255}$"})";
    kind.example = "\"alice-7c9e6679742540de\"";
    kind.read = [read = kind.read](const Value& value, Reader& reader) {
        auto text = read(value, reader);
        if (!text || dtls::is_session_id(*text)) return text;
        reader.error_here(value.place,
                          {"\"" + *text + "\" is no tls-id", "20..255 letters, digits, + / - _",
                           "write the value of the a=tls-id line of the SDP"});
        return std::optional<std::string>{};
    };
    return kind;
}

// A file that this program writes; its folder must exist by the time it does.
Kind<std::filesystem::path> written_file(const std::string& example) {
    const auto path = text(4095);
    return {"file",
            "",
            "",
            path.json_schema,
            "\"" + example + "\"",
            [path](const Value& value, Reader& reader) -> std::optional<std::filesystem::path> {
                const auto read = path.read(value, reader);
                if (!read) return std::nullopt;
                return reader.options().folder / *read;
            },
            [](const std::filesystem::path& shown) { return "\"" + shown.string() + "\""; }};
}

Schema<TunnelTlsRow> tunnel_tls_rows() {
    Schema<TunnelTlsRow> rows;
    rows.key("cert", &TunnelTlsRow::cert, file(FileRole::readable), required, Reload::live,
             "Our certificate towards MDDs and its chain, PEM.");
    rows.key("key", &TunnelTlsRow::key, file(FileRole::private_key), required, Reload::live,
             "Its private key, PEM, without pass phrase.");
    rows.key("ca", &TunnelTlsRow::ca, file(FileRole::readable), required, Reload::live,
             "Certificates of the authorities that sign MDD certificates, PEM.");
    return rows;
}

Schema<EndpointTlsRow> endpoint_tls_rows() {
    Schema<EndpointTlsRow> rows;
    rows.key("cert", &EndpointTlsRow::cert, file(FileRole::readable), required, Reload::live,
             "The certificate that endpoints see; they pin its SHA-256 fingerprint. PEM.");
    rows.key("key", &EndpointTlsRow::key, file(FileRole::private_key), required, Reload::live,
             "Its private key, PEM, without pass phrase.");
    return rows;
}

Schema<StateRow> state_rows() {
    Schema<StateRow> rows;
    rows.optional_key("file", &StateRow::file, written_file("kmf.state"), Reload::start,
                      "Sealed file with the EKT keys and associations that a restart goes on with; "
                      "whoever holds its lock is the authority. Not set: every endpoint has to "
                      "shake hands again after a restart.");
    rows.optional_key("key_file", &StateRow::key_file, file(FileRole::private_key), Reload::start,
                      "32 bytes as 64 hexadecimal digits that seal the file.");
    rows.key("standby", &StateRow::standby, boolean(), false, Reload::start,
             "When another mdd-kmf holds the file, wait without listening and take over when it "
             "ends; false: refuse to start.");
    return rows;
}

Schema<AuditRow> audit_rows() {
    Schema<AuditRow> rows;
    rows.optional_key("file", &AuditRow::file, written_file("kmf-audit.jsonl"), Reload::start,
                      "One line of JSON for each decision; never a key. Opened anew at a reload.");
    return rows;
}

Schema<MddRow> mdd_rows() {
    Schema<MddRow> rows;
    rows.key("name", &MddRow::name, name(), required, Reload::live,
             "Who it is, whatever its certificate; another name is another MDD, and the endpoints "
             "of the old one are put out.");
    rows.key("fingerprint_sha256", &MddRow::fingerprints, one_or_more(sha256(), 8), required,
             Reload::live,
             "SHA-256 of each certificate that it may show, which must also be signed under "
             "tunnel_tls.ca: the current one, and the next one before the MDD takes it into use.");
    rows.key("conferences", &MddRow::conferences, list_of(text(64)), std::vector<std::string>{"*"},
             Reload::live, "Ids of the conferences that it may serve; \"*\" stands for all.");
    return rows;
}

Schema<EndpointRow> endpoint_rows() {
    Schema<EndpointRow> rows;
    rows.key("id", &EndpointRow::id, name(), required, Reload::live,
             "The endpoint's name in logs.");
    rows.key("fingerprint_sha256", &EndpointRow::fingerprint, sha256(), required, Reload::live,
             "SHA-256 of the certificate that it shows.");
    rows.optional_key("tls_id", &EndpointRow::tls_id, session_id(), Reload::live,
                      "The tls-id of its SDP, which it sends as external_session_id (RFC 8844).");
    return rows;
}

Schema<ConferenceRow> conference_rows() {
    Schema<ConferenceRow> rows;
    rows.key("id", &ConferenceRow::id, id128(), required, Reload::live,
             "16 bytes, as in the MDD's configuration.");
    rows.key("profile", &ConferenceRow::profile, any_profile(), Profile::double_aes_128_gcm,
             Reload::live, "The SRTP profile of every endpoint in it, and the least DTLS cipher.");
    rows.key("allow_plain", &ConferenceRow::allow_plain, boolean(), false, Reload::live,
             "Permit a profile without end-to-end layer: the MDD can then read the media.");
    rows.key("rekey", &ConferenceRow::rekey, list_of(text(16), 0, 3),
             std::vector<std::string>{"join", "leave"}, Reload::live,
             "When to change the EKT key, beside the end of its life: \"join\", \"leave\", a "
             "duration; [] for never.");
    rows.key("ekt_ttl", &ConferenceRow::ekt_ttl,
             duration(std::chrono::seconds(1), std::chrono::hours(24 * 194)),
             std::chrono::hours(24), Reload::live,
             "Life of an EKT key; a new one follows in good time before it ends. Whole seconds.");
    rows.key("require_ekt", &ConferenceRow::require_ekt, boolean(), true, Reload::live,
             "With a DOUBLE_ profile refuse endpoints that do not offer EKT (RFC 8870); false lets "
             "in clients that get their end-to-end keys in another way: they hear no EKT key.");
    rows.key("require_tls_id", &ConferenceRow::require_tls_id, boolean(), true, Reload::live,
             "Over rfc9185 refuse endpoints whose external_session_id (RFC 8844) is missing or is "
             "not their tls_id; false only for clients that cannot send one.");
    rows.optional_key("tls_id", &ConferenceRow::tls_id, session_id(), Reload::live,
                      "Our own tls-id for this conference, sent to endpoints that send theirs; not "
                      "set: \"kmf-\" and the 32 hexadecimal digits of the conference id.");
    rows.tables("endpoints", &ConferenceRow::endpoints, endpoint_rows(), 0,
                "Who may join, by certificate.");
    return rows;
}

Schema<KmfFile> kmf_rows() {
    Schema<KmfFile> rows;
    rows.key("listen", &KmfFile::listen, ipv4_endpoint(), Ipv4Endpoint{0, 4433}, Reload::start,
             "Address for tunnels; one port number for UDP (dtls-v1) and TCP (rfc9185).");
    rows.key(
        "protocols", &KmfFile::protocols,
        list_of(choice<Protocol>({{"dtls-v1", Protocol::dtls_v1}, {"rfc9185", Protocol::rfc9185}}),
                1, 2),
        std::vector{Protocol::dtls_v1}, Reload::start, "Tunnel protocols to serve.");
    rows.key("profiles", &KmfFile::profiles, list_of(double_profile(), 1, 2),
             std::vector{Profile::double_aes_128_gcm, Profile::double_aes_256_gcm}, Reload::live,
             "Double profiles that conferences may have.");
    rows.table("tunnel_tls", &KmfFile::tunnel_tls, tunnel_tls_rows(),
               "Identity towards MDDs, and whom to believe.");
    rows.table("endpoint_tls", &KmfFile::endpoint_tls, endpoint_tls_rows(),
               "Identity towards endpoints.");
    rows.table("state", &KmfFile::state, state_rows(), "What outlives this process.");
    rows.table("audit", &KmfFile::audit, audit_rows(), "Who decided what, and when.");
    rows.tables("mdd", &KmfFile::mdds, mdd_rows(), 1, "One table per MDD.");
    rows.tables("conference", &KmfFile::conferences, conference_rows(), 1,
                "One table per conference.");
    return rows;
}

}  // namespace

const Schema<KmfFile>& kmf_schema() {
    static const auto schema = kmf_rows();
    return schema;
}

}  // namespace mdd::kmf
