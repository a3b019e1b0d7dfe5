// The one table behind kmf.toml. Checks across keys: kmf_checks.cpp.
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

Schema<TunnelTlsRow> tunnel_tls_rows() {
    Schema<TunnelTlsRow> rows;
    rows.key("cert", &TunnelTlsRow::cert, file(FileRole::readable), required, Reload::start,
             "Our certificate towards MDDs and its chain, PEM.");
    rows.key("key", &TunnelTlsRow::key, file(FileRole::private_key), required, Reload::start,
             "Its private key, PEM, without pass phrase.");
    rows.key("ca", &TunnelTlsRow::ca, file(FileRole::readable), required, Reload::start,
             "Certificates of the authorities that sign MDD certificates, PEM.");
    return rows;
}

Schema<EndpointTlsRow> endpoint_tls_rows() {
    Schema<EndpointTlsRow> rows;
    rows.key("cert", &EndpointTlsRow::cert, file(FileRole::readable), required, Reload::start,
             "The certificate that endpoints see; they pin its SHA-256 fingerprint. PEM.");
    rows.key("key", &EndpointTlsRow::key, file(FileRole::private_key), required, Reload::start,
             "Its private key, PEM, without pass phrase.");
    return rows;
}

Schema<MddRow> mdd_rows() {
    Schema<MddRow> rows;
    rows.key("name", &MddRow::name, name(), required, Reload::start, "Name in logs.");
    rows.key("fingerprint_sha256", &MddRow::fingerprint, sha256(), required, Reload::start,
             "SHA-256 of the MDD's certificate, which must also be signed under tunnel_tls.ca.");
    rows.key("conferences", &MddRow::conferences, list_of(text(64)), std::vector<std::string>{"*"},
             Reload::start, "Ids of the conferences that it may serve; \"*\" stands for all.");
    return rows;
}

Schema<EndpointRow> endpoint_rows() {
    Schema<EndpointRow> rows;
    rows.key("id", &EndpointRow::id, name(), required, Reload::start,
             "The endpoint's name in logs.");
    rows.key("fingerprint_sha256", &EndpointRow::fingerprint, sha256(), required, Reload::start,
             "SHA-256 of the certificate that it shows.");
    return rows;
}

Schema<ConferenceRow> conference_rows() {
    Schema<ConferenceRow> rows;
    rows.key("id", &ConferenceRow::id, id128(), required, Reload::start,
             "16 bytes, as in the MDD's configuration.");
    rows.key("profile", &ConferenceRow::profile, any_profile(), Profile::double_aes_128_gcm,
             Reload::start, "The SRTP profile of every endpoint in it, and the least DTLS cipher.");
    rows.key("allow_plain", &ConferenceRow::allow_plain, boolean(), false, Reload::start,
             "Permit a profile without end-to-end layer: the MDD can then read the media.");
    rows.optional_key(
        "rekey", &ConferenceRow::rekey, list_of(text(16)), Reload::start,
        "When to change the EKT key: \"join\", \"leave\", a duration. No effect yet.");
    rows.optional_key("ekt_ttl", &ConferenceRow::ekt_ttl,
                      duration(std::chrono::seconds(1), std::chrono::hours(24 * 366)),
                      Reload::start, "Life of an EKT key. No effect yet.");
    rows.optional_key("require_tls_id", &ConferenceRow::require_tls_id, boolean(), Reload::start,
                      "Insist on external_session_id (RFC 8844). No effect yet.");
    rows.tables("endpoints", &ConferenceRow::endpoints, endpoint_rows(), 0,
                "Who may join, by certificate.");
    return rows;
}

Schema<KmfFile> kmf_rows() {
    Schema<KmfFile> rows;
    rows.key("listen", &KmfFile::listen, ipv4_endpoint(), Ipv4Endpoint{0, 4433}, Reload::start,
             "Address and UDP port for tunnels.");
    rows.key(
        "protocols", &KmfFile::protocols,
        list_of(choice<Protocol>({{"dtls-v1", Protocol::dtls_v1}, {"rfc9185", Protocol::rfc9185}}),
                1, 2),
        std::vector{Protocol::dtls_v1}, Reload::start, "Tunnel protocols to serve.");
    rows.key("profiles", &KmfFile::profiles, list_of(double_profile(), 1, 2),
             std::vector{Profile::double_aes_128_gcm, Profile::double_aes_256_gcm}, Reload::start,
             "Double profiles that conferences may have.");
    rows.table("tunnel_tls", &KmfFile::tunnel_tls, tunnel_tls_rows(),
               "Identity towards MDDs, and whom to believe.");
    rows.table("endpoint_tls", &KmfFile::endpoint_tls, endpoint_tls_rows(),
               "Identity towards endpoints.");
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
