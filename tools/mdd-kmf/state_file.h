// The sealed file that carries a KMF over its restart, and the lock that makes one process the
// authority. Bytes in frames, each written whole before append() returns; what they mean is not its
// business.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::kmf {

// 32 bytes from a file of 64 hexadecimal digits. Throws std::runtime_error, a full sentence that
// quotes nothing of it.
srtp::Secret<32> read_state_key(const std::filesystem::path& key_file);

// Layout: magic(16) ‖ id(16) ‖ frames; a frame is length(4) ‖ its complement(4) ‖ AES-256-GCM
// ciphertext with tag, `length` bytes. Each file has its own key, HMAC-SHA256(state key, magic ‖
// id), and numbers its frames from 0 as nonces, so none repeats: a file that has been opened is
// never appended to, it is replaced by a new one with a new id.
class StateFile {
  public:
    // Takes the lock. nullopt: another process holds it. Throws std::runtime_error, a full
    // sentence, when the file cannot be read, is no state of ours, was sealed with another key, or
    // is damaged; it is not touched then. A file that does not exist yet is made.
    static std::optional<StateFile> open(const std::filesystem::path& file,
                                         const srtp::Secret<32>& key);
    StateFile(StateFile&&) noexcept;
    StateFile& operator=(StateFile&&) noexcept;
    ~StateFile();

    // The frames found by open(), oldest first; the first call takes them. A last frame that was
    // cut off by the end of its process is left out: nothing that depended on it was sent.
    std::vector<tunnel::SecretBytes> take_frames();

    // Puts a new file with this one frame in the place of the old. Call before the first append().
    // Throws std::runtime_error, a full sentence; the old file is in place then.
    void replace(srtp::Bytes frame);
    // `through_power_loss`: returns only when the disk has it; otherwise the kernel has, which
    // outlives this process. Throws std::runtime_error; the file must then not be used any more.
    void append(srtp::Bytes frame, bool through_power_loss);
    // It has grown so much that replace() with what still counts is worth it.
    bool wants_replacing() const;

  private:
    struct Open;
    explicit StateFile(std::unique_ptr<Open> open);

    std::unique_ptr<Open> open_;
};

}  // namespace mdd::kmf
