import UsherModel

extension Event.Kind {
    /// What `journalctl MESSAGE_ID=` finds the events of this kind by (systemd.journal-fields(7)): 128 random bits, never
    /// changed. Each has an entry in systemd/usher.catalog.
    var messageID: String {
        switch self {
        case .ready: "9a44155072ef4301800cb87915ea5fe0"
        case .stopping: "ecf787152d204ffd857f9060f40c01b2"
        case .stopped: "9719ca00babf41798f5d9da3678dffca"
        case .crashed: "e9abe406c46245f690255ddd6fbbf279"
        case .reloaded: "f64365111af74c48ada1e5c0eb23a7ef"
        case .reloadFailed: "d6a9e4faac2546b2a7b1d167b2342913"
        case .register: "8559b38eae62482b8bdffad0a28e0311"
        case .login: "7d8244758398457b86071d9d658e37c8"
        case .refresh: "2ee5af8d33614fef9d4f12be2d53d797"
        case .refreshReuse: "b45ec039559c4697b818b3bf2942ca68"
        case .revoke: "9846e5255619440896b48f72a2158043"
        case .profile: "0f097b69bd084a10a0fa125cf5462410"
        case .sessions: "9ce22205f1aea46697f0a068204fc061"
        case .delete: "632f2498b54c47fba0a90c8e839e5e4c"
        case .totp: "e93f9644d1791d9b96de9390af489099"
        case .secondFactorOn: "de908cbade176d9607c4b6fd059fe48a"
        case .secondFactorOff: "b8db39688cbd62038c07de3dea67f737"
        case .recoveryCode: "1dabfa03342c30eb12a033886d9cd350"
        case .password: "ca5adf65f80354a9c503cfb8afb4e705"
        case .recover: "21d27fac2e816875bad7024766459f27"
        case .reset: "610412f3059c69bddfe1044e4cb92ca0"
        case .confirm: "9b288984e6b9d228a0cd2242c4b7f73e"
        case .imported: "8f58f25fbba9b43affcf819929339bf3"
        case .exported: "98494798abb80a164301cf379789d8f2"
        case .backedUp: "be962b57b5af4970a91381198ba6bcea"
        case .userAdded: "8cc87b38528641718ca5df0842658656"
        case .userChanged: "d6b253656f4b45708a283dc581e794b0"
        case .userDeleted: "549db695c1554f2b9e2dc59c49bd4353"
        case .userLoggedOut: "b905b4c8239c4ca099f95abe2e08c1aa"
        case .userShown: "cae190310a2d43a195f1dfd4704a541b"
        case .roleChanged: "c24f125e8b8045a598d0f1080ae46253"
        case .verify: "09614f30d349458c929ed149660d2dfe"
        case .refused: "2699be2b330d4b93831d754cac792405"
        case .failure: "a7ecb66607b34dbda889b68a8c579edd"
        case .storeRollback: "4f3f5073bf8f465691af68f98be7b788"
        case .storeRecovered: "3616090839b44bebacb2609a802b7d21"
        case .revocationsLost: "197c6ed415184cc995cb23cf536ef08b"
        case .limit: "f1fdfcd26c064ea3b2f6aaee01472a83"
        case .hanging: "d467553eca9e48cd90e6eb3a5ba0f528"
        case .repeated: "6bd2c9612ff940cc9e501655e04b2aab"
        case .dropped: "86766242f6fb49e0b76a8038dfadb411"
        case .notice: "9fd69119d5cd4c9ea9ec2fd54cbc760e"
        }
    }
}
