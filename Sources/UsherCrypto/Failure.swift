import COpenSSL
import UsherModel

extension UsherError {
    /// A failure of libcrypto, with what its error queue says last. The queue is the thread's, and is emptied.
    static func libcrypto(_ what: String) -> UsherError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0 else { return UsherError(.internal, cause: "libcrypto: \(what)") }
        var text = [CChar](repeating: 0, count: 256)
        unsafe ERR_error_string_n(code, &text, text.count)
        let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return UsherError(.internal, cause: "libcrypto: \(what): \(reason)")
    }
}
