// State that outlives a process, as bytes: written field by field, read back only when not a bit
// has changed. The digest finds accidents; secrecy and forgery are the business of whoever stores
// it.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::dtls {

// Appends fields; every buffer it outgrows is wiped.
class FrozenWriter {
  public:
    // `kind` names what is frozen and in which layout.
    explicit FrozenWriter(std::string_view kind);

    void number(std::uint64_t value);
    // Length and bytes.
    void block(srtp::Bytes bytes);

    // The fields and their digest.
    tunnel::SecretBytes finish();

  private:
    void append(srtp::Bytes bytes);

    tunnel::SecretBytes buffer_;
    std::size_t used_bytes_ = 0;
};

// Reads the fields in the order in which they were written. After the first field that is not there
// everything reads as zero or empty, and done() is false.
class FrozenReader {
  public:
    FrozenReader(std::string_view kind, srtp::Bytes frozen);

    std::uint64_t number();
    // A number that must not exceed `highest`.
    std::uint64_t number_up_to(std::uint64_t highest);
    // Borrowed from `frozen`.
    srtp::Bytes block();
    // A block of exactly this length, or an empty one after a failure.
    srtp::Bytes block_of(std::size_t size_bytes);

    bool good() const { return good_; }
    // Everything was read, and nothing was wrong.
    bool done() const { return good_ && rest_.empty(); }

  private:
    srtp::Bytes take(std::size_t size_bytes);

    srtp::Bytes rest_;
    bool good_ = false;
};

}  // namespace mdd::dtls
