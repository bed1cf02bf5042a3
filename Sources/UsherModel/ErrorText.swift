import Glibc

/// What a value of errno means, in the words of strerror(3).
public func errorText(_ code: Int32) -> String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }
