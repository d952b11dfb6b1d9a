---@meta moonwire

-- What hook scripts of Moonwire have. Written by `moonwire hook stub`: do not edit.

-- What every script has.

---What a client says that wants to connect. What it does not present is nil.
---@class ConnectRequest
---@field client Client The connection.
---@field user string? The name that it gives.
---@field password string? The password that it gives.
---@field token string? The token that it gives.
---@field jwt string? The JWT of a user that it gives.
---@field nkey string? The public nkey that it gives.
---@field signature string? The signature of the nonce, as it came.
---@field nonce string? What it was asked to sign.
---@field name string? What the client calls itself.
---@field lang string? The language of its library.
---@field version string? The version of its library.
---@field host string The address that it comes from, without the port.
---@field kind string The way that it came: STANDARD, WEBSOCKET or IN_PROCESS.
---@field tls TLS? What its certificate says, which the server has verified; nil if there is none.

---A message before it is accepted, at rewrite and publish.
---@class Request
---@field client Client The connection.
---@field subject string The subject, as it is by now.
---@field original_subject string The subject that the client wrote, before mappings and rewrites.
---@field reply string? The subject for answers; nil if none is wanted.
---@field size integer The bytes of headers and payload, as they came.
---@field headers Headers The headers: headers["X"] is the first value of X, in any case, or nil.

---A subscription before it is accepted.
---@class SubscribeRequest
---@field client Client The connection.
---@field subject string What is subscribed to; it may have wildcards.
---@field queue string? The queue group; nil if none.

---A message that is accepted, at inspect. What is assigned to payload and headers changes it.
---@class Message
---@field client Client The connection.
---@field subject string The subject, as it is by now.
---@field original_subject string The subject that the client wrote, before mappings and rewrites.
---@field reply string? The subject for answers; nil if none is wanted.
---@field size integer The bytes of headers and payload, as they came.
---@field headers Headers The headers: headers["X"] is the first value of X, in any case, or nil.
---@field payload string The payload. What is assigned to it takes its place.

---Something that has happened.
---@class Event
---@field type string What has happened: a name that the function was registered for.
---@field time number When, in Unix seconds.
---@field client Client? The connection; nil for a reload.
---@field reason string? Why: of a disconnect, an auth_error and a reload.
---@field subject string? Of a subscribe and an unsubscribe.
---@field queue string? The queue group of a subscribe and an unsubscribe.

---A connection. It is read-only.
---@class Client
---@field id integer The number of the connection, which no other has while the server runs.
---@field user string Its user; empty before it is admitted.
---@field account string Its account; empty before it is admitted.
---@field name string What it calls itself.
---@field host string The address that it comes from, without the port.
---@field kind string The way that it came: STANDARD, WEBSOCKET or IN_PROCESS.
---@field tags table<string, string> What hooks said of it when it was admitted, by name.

---What a certificate says.
---@class TLS
---@field version string Of TLS: 1.2 or 1.3.
---@field common_name string The common name of its subject.
---@field dns_names string[] The host names that it is for.
---@field uris string[] The URIs that it is for.
---@field fingerprint string The SHA-256 of the certificate in hexadecimal, lower case.

---The headers of a message, by name in any case. At inspect a text that is assigned takes the place of all values, and nil takes them away.
---@class Headers
---@field [string] string? The first value.
---@field all fun(self: Headers, name: string): string[] All values of a header, in order.
---@field names fun(self: Headers): string[] The names that there are, each once, in order.

---What allow, deny and drop return. It can only be returned.
---@class Answer

---What allow takes. All but ttl and no_cache are for connect.
---@class AllowOptions
---@field user string? The user that the client is.
---@field account string? The account that it is in.
---@field permissions Permissions? What it may do. Without them there is no bound.
---@field limits Limits? Further bounds.
---@field tags table<string, string>? What later hooks find in client.tags; at most 64.
---@field expires number? When the connection is to end, in Unix seconds, as in the exp of a JWT.
---@field ttl number? At connect: in how many seconds the connection is to end, in place of expires. Elsewhere: for how many seconds the answer may be kept at most.
---@field no_cache boolean? The answer is not to be kept.

---Bounds of a connection, beyond those of the server.
---@class Limits
---@field subscriptions integer? How many subscriptions it may have.
---@field payload integer? How many bytes a message may have.

---What the functions of hook take last.
---@class HookOptions
---@field accounts string|string[]? The accounts that are concerned; all if they are not given.
---@field cache CacheOptions? Answers are kept; at rewrite, publish and subscribe.
---@field max_payload integer? The most bytes of a message that the function takes; a larger one is a failure. At rewrite, publish and inspect.

---How answers are kept. One for which the function looked at more than by says is not kept.
---@class CacheOptions
---@field by string|string[] What an answer depends on: user, account, client, name, host, kind, subject, reply, queue, tags.NAME, header.NAME.
---@field ttl number? For how many seconds an answer is kept; not at all if it is not given.
---@field negative_ttl number? The same for a deny.

---What a client may do. A part that is missing bounds nothing; but where allow_responses is set and publish is missing, the client may publish answers only.
---@class Permissions
---@field publish Rules|string[]|string|nil What it may publish to. A list is short for { allow = list }.
---@field subscribe Rules|string[]|string|nil What it may subscribe to. A rule may have a queue behind a blank.
---@field allow_responses boolean|integer|Responses|nil Lets it answer what it receives: true is once, within two minutes; a number is how often.

---Subjects, which may have wildcards. What is denied is not allowed.
---@class Rules
---@field allow string[]|string|nil Subjects that are allowed. Without this all are; an empty list allows none.
---@field deny string[]|string|nil Subjects that are not.

---How much a client may answer.
---@class Responses
---@field max integer? Messages to one reply subject; 1 by default, -1 is no bound.
---@field expires number? Seconds in which it may answer; 120 by default, -1 is no bound.

---The config of the hook in the configuration of the server. It is read-only.
---@type table<string, any>
config = nil

---Answers yes. At connect it says who the client is; at publish and subscribe others may still say no.
---@param options AllowOptions? Who it is, or for how long the answer holds.
---@return Answer What the function is to return.
function allow(options) end

---Answers no: the client is told that it may not.
---@param reason string? Why, for the log; the client does not see it.
---@return Answer What the function is to return.
function deny(reason) end

---Takes a message away without a word to the client; at inspect only.
---@param reason string? Why, for the log; the client does not see it.
---@return Answer What the function is to return.
function drop(reason) end

---Returns a library or a module of the script's folder: "a.b" is a/b.lua. At the top level only.
---@overload fun(name: "clients"): clientslib
---@overload fun(name: "crypto"): cryptolib
---@overload fun(name: "http"): httplib
---@overload fun(name: "json"): jsonlib
---@overload fun(name: "jwt"): jwtlib
---@overload fun(name: "kv"): kvlib
---@overload fun(name: "nkey"): nkeylib
---@overload fun(name: "ratelimit"): ratelimitlib
---@overload fun(name: "re"): relib
---@overload fun(name: "subject"): subjectlib
---@overload fun(name: "time"): timelib
---@param name string Its name.
---@return any What the module returns.
function require(name) end

---Registers functions, at the top level of a script. Nil from a function has no opinion; what it cannot return is a failure, for which on_error decides.
---@class hook
hook = {}

---Registers a function that says who may connect, and as whom. One hook must allow.
---@param fn fun(req: ConnectRequest): Answer? The function that is asked.
function hook.connect(fn) end

---Registers a function that gives messages another subject, before permissions are looked at.
---@param subjects string|string[] Patterns of the subjects that are concerned; it may be left out for all.
---@param fn fun(req: Request): string|Answer? The function that is asked.
---@param options HookOptions?
---@overload fun(fn: fun(req: Request): string|Answer?, options?: HookOptions)
function hook.rewrite(subjects, fn, options) end

---Registers a function that may refuse messages which permissions allow.
---@param subjects string|string[] Patterns of the subjects that are concerned; it may be left out for all.
---@param fn fun(req: Request): Answer? The function that is asked.
---@param options HookOptions?
---@overload fun(fn: fun(req: Request): Answer?, options?: HookOptions)
function hook.publish(subjects, fn, options) end

---Registers a function that may refuse subscriptions which permissions allow.
---@param subjects string|string[] Patterns of the subjects that are concerned; it may be left out for all.
---@param fn fun(req: SubscribeRequest): Answer? The function that is asked.
---@param options HookOptions?
---@overload fun(fn: fun(req: SubscribeRequest): Answer?, options?: HookOptions)
function hook.subscribe(subjects, fn, options) end

---Registers a function that looks at messages, and may change or drop them.
---@param subjects string|string[] Patterns of the subjects that are concerned; it may be left out for all.
---@param fn fun(msg: Message): Answer? The function that is asked.
---@param options HookOptions?
---@overload fun(fn: fun(msg: Message): Answer?, options?: HookOptions)
function hook.inspect(subjects, fn, options) end

---Registers a function that is told of what has happened.
---@param types string|string[] connect, disconnect, subscribe, unsubscribe, slow_consumer, auth_error, reload; it may be left out for all.
---@param fn fun(ev: Event) The function that is asked.
---@param options HookOptions?
---@overload fun(fn: fun(ev: Event), options?: HookOptions)
function hook.event(types, fn, options) end

---Says which version of the script this is, for metrics.
---@param version string 1 to 64 bytes.
function hook.version(version) end

---Lines for the log of the server. A script may write 200 lines at once and 100 a second; what is more is left out and counted.
---@class log
log = {}

---Logs what only helps to find a mistake.
---@param message string What is to be said, at most 1024 bytes.
---@param fields table<string, any>? Names and values that belong to it.
function log.debug(message, fields) end

---Logs what is good to know.
---@param message string What is to be said, at most 1024 bytes.
---@param fields table<string, any>? Names and values that belong to it.
function log.info(message, fields) end

---Logs what somebody should look at.
---@param message string What is to be said, at most 1024 bytes.
---@param fields table<string, any>? Names and values that belong to it.
function log.warn(message, fields) end

---Logs what is wrong.
---@param message string What is to be said, at most 1024 bytes.
---@param fields table<string, any>? Names and values that belong to it.
function log.error(message, fields) end

---Acts on connections that are there already, when rights have changed. It reaches all connections of the broker, whatever accounts the hook is for, and does not wait for them. Answers of a call that uses it are not cached.
---@class clientslib
local clients = {}

---Says which connections are meant: those of which all that is set is true. At least one field must be set, and none may be empty.
---@class clients.Selector
---@field id integer? Of the connection.
---@field user string? The name of the user.
---@field account string? The account.
---@field tags table<string, string>? Tags with their values.

---Ends connections, who are told that their authentication was revoked.
---@param of clients.Selector Which connections.
---@param reason string? For the log: at most 256 bytes of it. "a hook ended the connection" by default.
---@return integer? count How many there were; nil if it could not be done.
---@return string? err Why not.
function clients.disconnect(of, reason) end

---Replaces what connections may do. Subscriptions that are no longer allowed end. What a part that is missing would bound is bounded no longer.
---@param of clients.Selector Which connections.
---@param permissions Permissions What they may do from now on.
---@return integer? count How many there were; nil if it could not be done.
---@return string? err Why not.
function clients.permissions(of, permissions) end

---Hashes, signatures by shared secrets, encodings, random numbers and passwords.
---@class cryptolib
local crypto = {}

---Returns the SHA-256 hash of data.
---@param data string Any bytes.
---@param form "hex"|"base64"|"base64url"|"raw"? How the bytes are written; hex by default.
---@return string digest The hash.
function crypto.sha256(data, form) end

---Returns the SHA-512 hash of data.
---@param data string Any bytes.
---@param form "hex"|"base64"|"base64url"|"raw"? How the bytes are written; hex by default.
---@return string digest The hash.
function crypto.sha512(data, form) end

---Returns the keyed hash (HMAC) of data. Compare it by crypto.equal. sha1 is for the signatures of services that have no better.
---@param hash "sha256"|"sha384"|"sha512"|"sha1" The hash function.
---@param key string The shared secret.
---@param data string Any bytes.
---@param form "hex"|"base64"|"base64url"|"raw"? How the bytes are written; hex by default.
---@return string digest The hash.
function crypto.hmac(hash, key, data, form) end

---Tells whether two strings are equal, in a time that does not tell where they differ. It does tell whether they are equally long.
---@param a string A string.
---@param b string Another.
---@return boolean yes Whether they are equal.
function crypto.equal(a, b) end

---Returns bytes that nobody can foretell. The decision is not cached.
---@param n integer How many, 1 to 1024.
---@return string bytes The bytes.
function crypto.random(n) end

---Returns a random UUID (version 4). The decision is not cached.
---@return string uuid The UUID, in lower case.
function crypto.uuid() end

---Tells whether a password is that of a bcrypt hash. It takes from 1 ms (cost 4) to a quarter of a second (cost 12, the highest that is accepted), so it can be called at connect and event only, and at most half of the processors do it at a time.
---@param password string At most 72 bytes: bcrypt does not see more.
---@param hash string The hash, which begins with $2.
---@return boolean yes Whether it is.
---@return string? err Why it cannot be told; nil when only the password is wrong.
function crypto.bcrypt(password, hash) end

crypto.hex = {}

---Writes bytes as two hexadecimal digits for each byte, in lower case; upper case is read too.
---@param bytes string Any bytes.
---@return string text The text.
function crypto.hex.encode(bytes) end

---Reads bytes that are written as two hexadecimal digits for each byte, in lower case; upper case is read too.
---@param text string The text.
---@return string? bytes The bytes, or nil.
---@return string? err Why they are not.
function crypto.hex.decode(text) end

crypto.base64 = {}

---Writes bytes as base64 with padding, without line ends.
---@param bytes string Any bytes.
---@return string text The text.
function crypto.base64.encode(bytes) end

---Reads bytes that are written as base64 with padding, without line ends.
---@param text string The text.
---@return string? bytes The bytes, or nil.
---@return string? err Why they are not.
function crypto.base64.decode(text) end

crypto.base64url = {}

---Writes bytes as base64 for URLs, without padding; padding is read too.
---@param bytes string Any bytes.
---@return string text The text.
function crypto.base64url.encode(bytes) end

---Reads bytes that are written as base64 for URLs, without padding; padding is read too.
---@param text string The text.
---@return string? bytes The bytes, or nil.
---@return string? err Why they are not.
function crypto.base64url.decode(text) end

---Asks other services, at connect and event. An answer has at most 1 MiB, unless the broker is configured otherwise; a request has at most 1 MiB, 64 headers and 16 KiB of them. Certificates are always verified. Up to 3 redirects are followed: never from https to http; to another host without the headers of the script, and not if that would send it a body. The broker's configuration says which hosts can be reached. Proxies of the environment are not used, and compressed answers are not asked for.
---@class httplib
local http = {}

---How a request is sent.
---@class http.Options
---@field headers table<string, string>? Headers. The broker sets those of the connection itself.
---@field timeout number? Seconds until it must have been answered; no longer than the call may take. 10 by default, unless the broker is configured otherwise.
---@field max_body integer? Bytes that the answer may have, if fewer than the broker allows.

---A request.
---@class http.Request
---@field method string? GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; GET by default, POST if there is a body.
---@field url string Beginning with http:// or https://.
---@field body string|table|nil What is sent; a table becomes JSON.
---@field headers table<string, string>? Headers. The broker sets those of the connection itself.
---@field timeout number? Seconds until it must have been answered; no longer than the call may take. 10 by default, unless the broker is configured otherwise.
---@field max_body integer? Bytes that the answer may have, if fewer than the broker allows.

---An answer.
---@class http.Response
---@field status integer Such as 200.
---@field headers table<string, string> By names in lower case; the values of a header that came more than once are joined by a comma and a blank.
---@field body string What came; json.decode makes a table of JSON.

---Sends a GET.
---@param url string Beginning with http:// or https://.
---@param opts http.Options? How it is sent.
---@return http.Response? response The answer, whatever its status; nil if there was none.
---@return string? err Why there was none.
function http.get(url, opts) end

---Sends a POST.
---@param url string Beginning with http:// or https://.
---@param body string|table|nil What is sent; a table becomes JSON.
---@param opts http.Options? How it is sent.
---@return http.Response? response The answer, whatever its status; nil if there was none.
---@return string? err Why there was none.
function http.post(url, body, opts) end

---Sends any request.
---@param request http.Request What is sent.
---@return http.Response? response The answer, whatever its status; nil if there was none.
---@return string? err Why there was none.
function http.request(request) end

---Reads and writes JSON as of RFC 8259. What is read has one meaning only: two equal keys in an object, bytes that are not UTF-8 and halves of surrogate pairs are refused, because those who receive the text after the hook might see something else in it.
---@class jsonlib
local json = {}

---How json.decode reads.
---@class json.DecodeOptions
---@field numbers "string"? Numbers become strings, as they stand in the text. They are encoded as strings then.
---@field duplicates "last"? Of equal keys in an object the last counts, instead of an error.

---How json.encode writes.
---@class json.EncodeOptions
---@field indent integer? A line for each element and key, indented by that many spaces, 1 to 8. All in one line by default.

---Stands for null where nil would leave no trace. It is equal to itself only, counts as true and prints as null.
---@type userdata
json.null = nil

---Makes a value of JSON text. null becomes json.null, so the result is nil only when the text is no JSON. Lists stay lists when they are encoded again, also if they are empty. Numbers are 64-bit floats, so whole numbers beyond 2^53 lose digits unless numbers is "string". Values may lie 64 deep in each other, and a list may have 65,535 elements.
---@param text string One JSON value, with or without space around it.
---@param options json.DecodeOptions? How to read.
---@return any value The value, or nil.
---@return string? err Why the text is refused, and at which byte.
function json.decode(text, options) end

---Makes JSON text of a value. Keys come in order, so that equal values have equal text. A table with elements 1 to n is a list, one with names is an object; an empty one is an object unless it was decoded from a list or made by json.array. nil and json.null become null. Functions, NaN, infinite numbers, strings that are not UTF-8 and tables that are more than 64 deep or within themselves have no JSON.
---@param value any What to write.
---@param options json.EncodeOptions? How to write.
---@return string? text The JSON, or nil.
---@return string? err What has no JSON, and where it is.
function json.encode(value, options) end

---Marks a table as a list, so that it is encoded as [] also when it is empty. A marked table cannot be given a metatable.
---@param t table? A new table by default.
---@return table t The same table.
function json.array(t) end

---Checks JSON Web Tokens (RFC 7519, RFC 8725): who signed them, whom they are for and until when they hold.
---@class jwtlib
local jwt = {}

---What a token must be.
---@class jwt.Options
---@field keys table|string|nil Public keys: a JWK set or a single JWK, as a table or as JSON, or PEM with one or more public keys or certificates. Where the token names a key (kid), that one must have signed it; one without a name may always.
---@field secret string? What the issuer shares with you, for HS256, HS384 and HS512: at least 32, 48 or 64 bytes. Give it instead of keys.
---@field algorithms string[]? Which algorithms are accepted, of those that fit the keys; all by default. There are HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA.
---@field audience string|string[]|boolean|nil Whom the token must be for: one of these. With false it may be for anybody. By default it must be for nobody in particular.
---@field issuer string|string[]|nil Who must have issued it: one of these. Anybody with a key by default.
---@field subject string? Whom it must be about. Anybody by default.
---@field leeway number? How many seconds clocks may differ, up to 3600; 5 by default.
---@field exp boolean? With false, a token that never expires is accepted. One that has expired never is.
---@field max_age number? How many seconds ago it may have been issued. Then it must say when (iat), and not in the future.

---Returns the claims of a token, if one of the keys signed it and its claims are as they should be. The key decides which algorithms are right: none is never, and a public key is never taken for a secret. A token must expire unless exp is false, and one that is for an audience is refused unless you say that it is yours. The decision is not cached: it depends on the time. RSA keys have 2048 to 4096 bits. A token has at most 64 KiB.
---@param token string|nil The token in its compact form, with two dots. Without one, the answer is nil and an error.
---@param options jwt.Options The keys, and what must be so.
---@return table<string, any>? claims The claims, as json.decode returns them.
---@return string? err Why the token is refused.
function jwt.verify(token, options) end

---Returns what a token says, whoever made it. Trust none of it: it is for logs, and to choose between keys.
---@param token string|nil The token in its compact form, with two dots. Without one, the answer is nil and an error.
---@return table<string, any>|nil header The header, or nil.
---@return table<string, any>|string claims The claims, or why there are none.
function jwt.peek(token) end

---Values that last longer than a call. All virtual machines of a broker see the same, and a reload changes nothing. What a hook keeps is its own; with kv.shared hooks have something in common. Values are strings, numbers and booleans; json.encode makes a string of a table. The store is bounded: when it is full, expired entries go first, and then those that were not used for longest, of the hook that holds most. So an entry may be gone at any time. Nothing is kept when the broker ends. A key has at most 1,024 bytes, a value at most 1 MiB. Answers that depend on kv are not cached.
---@class kvlib
local kv = {}

---How an entry is kept.
---@class kv.Options
---@field ttl number? Seconds until it is gone; without it, it stays for as long as there is room.

---A space that hooks have in common.
---@class kv.Space
---@field get fun(key: string): string|number|boolean|nil Returns the value of a key.
---@field set fun(key: string, value: string|number|boolean, opts?: kv.Options): boolean?, string? Sets the value of a key. What was there is replaced, with its time.
---@field add fun(key: string, value: string|number|boolean, opts?: kv.Options): boolean?, string? Sets the value of a key that has none. Of many that try at once, one succeeds.
---@field incr fun(key: string, by?: number, opts?: kv.Options): number?, string? Adds to a number, in one step. A key without a value counts as 0, and only then does ttl count: the number is gone that long after it was begun.
---@field cas fun(key: string, old: string|number|boolean|nil, new: string|number|boolean|nil, opts?: kv.Options): boolean?, string? Sets the value of a key if it is what the caller believes. The new one has a time of its own.
---@field del fun(key: string): boolean Deletes a key.

---Returns the value of a key.
---@param key string The key.
---@return string|number|boolean|nil value The value; nil if there is none.
function kv.get(key) end

---Sets the value of a key. What was there is replaced, with its time.
---@param key string The key.
---@param value string|number|boolean The value.
---@param opts kv.Options? How long it is kept.
---@return boolean? ok True; nil if there is no room.
---@return string? err Why not, if there was no room for it.
function kv.set(key, value, opts) end

---Sets the value of a key that has none. Of many that try at once, one succeeds.
---@param key string The key.
---@param value string|number|boolean The value.
---@param opts kv.Options? How long it is kept.
---@return boolean? added Whether it had none; nil if there is no room.
---@return string? err Why not, if there was no room for it.
function kv.add(key, value, opts) end

---Adds to a number, in one step. A key without a value counts as 0, and only then does ttl count: the number is gone that long after it was begun.
---@param key string The key.
---@param by number? What to add; 1 by default.
---@param opts kv.Options? How long it is kept.
---@return number? value The sum; nil if there is no room, or the value is no number.
---@return string? err Why not, if there was no room for it.
function kv.incr(key, by, opts) end

---Sets the value of a key if it is what the caller believes. The new one has a time of its own.
---@param key string The key.
---@param old string|number|boolean|nil What it must be; nil is no value.
---@param new string|number|boolean|nil What it becomes; nil deletes it.
---@param opts kv.Options? How long it is kept.
---@return boolean? done Whether it was; nil if there is no room.
---@return string? err Why not, if there was no room for it.
function kv.cas(key, old, new, opts) end

---Deletes a key.
---@param key string The key.
---@return boolean deleted Whether it had a value.
function kv.del(key) end

---Returns the functions of kv for a space that all hooks of the broker have in common. Make it once, at the top of a script.
---@param name string Of the space: 1 to 64 bytes.
---@return kv.Space space The other functions of kv, for this space.
function kv.shared(name) end

---Checks the keys and signatures of NATS clients.
---@class nkeylib
local nkey = {}

---Tells whether the holder of a public key signed data. At connect, nkey.verify(req.nkey, req.nonce, req.signature) tells whether the client has the key that it names. Whether that key may connect is another question, and the script's.
---@param public string The public key, which begins with U for a user.
---@param data string What was signed.
---@param signature string Its 64 bytes, or base64 or base64url of them, as clients send it.
---@return boolean yes Whether it is so.
---@return string? err Why not.
function nkey.verify(public, data, signature) end

---Tells whether a text is a public key, by its checksum. Seeds and private keys are not.
---@param public string Any text.
---@param kind "account"|"cluster"|"curve"|"operator"|"server"|"user"? The kind of key; any by default.
---@return boolean yes Whether it is so.
function nkey.valid(public, kind) end

---Limits how often something happens, by token buckets. All virtual machines of a broker see the same, and a reload changes nothing. Buckets belong to the hook that uses them. They are bounded in number: when there is no room, full ones go first, and then those that were not used for longest, of the hook that has most. Answers that depend on ratelimit are not cached.
---@class ratelimitlib
local ratelimit = {}

---What a bucket is like. When rate and burst change, what is missing takes as long to fill as it would have.
---@class ratelimit.Options
---@field rate number Tokens a second that it fills with: above 0, and at most 1e9.
---@field burst number? Tokens that it holds: at least 1; rate, or 1 if that is more, by default.
---@field n number? Tokens to take; 1 by default. With 0 none are taken, and it is allowed.

---Takes tokens from the bucket of a key, if it has as many. A bucket begins full, and fills with rate tokens a second.
---@param key string Whose bucket: at most 1,024 bytes.
---@param opts ratelimit.Options What the bucket is like.
---@return boolean allowed Whether it had them.
---@return number retry_after Seconds until it will have them: 0 if allowed, math.huge if n is above burst.
function ratelimit.allow(key, opts) end

---Regular expressions as of RE2, which take a time that grows with the text and not beyond: (?i), \d, \pL, \b, (?P<name>…), x{2,5}, *? and the rest of https://pkg.go.dev/regexp/syntax. There are no look-arounds and no back-references. A pattern has at most 1024 bytes and 32 groups; a wrong one is an error. The patterns of Lua itself, as in string.match, are cheaper. Long strings cost: each byte of s about an instruction for each 8 steps of the pattern.
---@class relib
local re = {}

---Tells whether a pattern is somewhere in a string. Use ^ and $ to match all of it.
---@param pattern string What to look for.
---@param s string Where to look.
---@return boolean yes Whether it is there.
function re.test(pattern, s) end

---Returns the groups of the first match, or the whole match if the pattern has none.
---@param pattern string What to look for.
---@param s string Where to look.
---@return string|boolean|nil first The first group; nil if there is no match, and false if the group took no part in it.
---@return string|boolean ... The other groups.
function re.match(pattern, s) end

---Returns where the first match begins and ends, and its groups.
---@param pattern string What to look for.
---@param s string Where to look.
---@return integer? from Where the match begins; nil if there is none.
---@return integer? to Where it ends; from - 1 if the match is empty.
---@return string|boolean ... The groups; false for one that took no part in the match.
function re.find(pattern, s) end

---Replaces matches.
---@param pattern string What to look for.
---@param s string Where to look.
---@param replacement string|fun(...: string|boolean): string|number|boolean|nil A text with %0 for the match, %1 to %9 for groups and %% for a percent sign; or a function of the groups (or of the match, if there are none), which returns what to put there, or nil or false to leave it.
---@param n integer? How many to replace at most; all by default.
---@return string s The new string.
---@return integer count How many were replaced.
function re.gsub(pattern, s, replacement, n) end

---Returns the parts of a string between matches. A match that is empty splits between characters, but not at the ends.
---@param pattern string What to look for.
---@param s string Where to look.
---@param n integer? How many parts at most; the last is what remains.
---@return string[] parts The parts.
function re.split(pattern, s, n) end

---Returns a pattern that matches a text as it stands. Use it for what comes from a client.
---@param text string Any text.
---@return string pattern A pattern that matches the text as it stands.
function re.quote(text) end

---Takes subjects apart and compares them as the broker does. A subject is a row of tokens with dots between them; a pattern is one in which the token * stands for any one token, and > as the last for one or more.
---@class subjectlib
local subject = {}

---Tells whether a pattern matches a subject. What is not valid matches nothing.
---@param pattern string A pattern, or a subject, which matches itself.
---@param subject string A subject.
---@return boolean yes Whether it is so.
function subject.match(pattern, subject) end

---Tells whether a pattern matches all that another one does, so that a permission for the first is one for the second. What is not valid covers nothing and is not covered.
---@param pattern string A pattern, or a subject, which matches itself.
---@param other string The pattern that may lie within it.
---@return boolean yes Whether it is so.
function subject.covers(pattern, other) end

---Tells whether a text is a subject to publish to: no token is empty or a wildcard, and there is no space.
---@param text string Any text.
---@return boolean yes Whether it is so.
function subject.valid(text) end

---Tells whether a text is a pattern or a subject, which one can subscribe to.
---@param text string Any text.
---@return boolean yes Whether it is so.
function subject.valid_pattern(text) end

---Returns the tokens of a subject. Tokens may be empty; an empty text has none.
---@param subject string A subject.
---@return string[] tokens The tokens in their order.
function subject.split(subject) end

---Returns one token of a subject, without making a list of them all.
---@param subject string A subject.
---@param i integer Counted from 1, or from the end if it is negative.
---@return string? token The token, or nil if there are fewer.
function subject.token(subject, i) end

---Makes a subject of tokens. Use it where one comes from a client or from a JWT: a name with a dot or a space in it, and one that is a wildcard, is refused, where .. would let it through. For a pattern, add the wildcards behind: join("t", tenant) .. ".>".
---@param ... string The tokens.
---@return string? subject The subject, or nil.
---@return string? err Which argument is no token.
function subject.join(...) end

---Tells the time, in seconds since 1970, UTC, with fractions. Answers that depend on the clock are not cached.
---@class timelib
local time = {}

---The parts of a time.
---@class time.Date
---@field year integer The year, as 2026.
---@field month integer From 1.
---@field day integer Of the month, from 1.
---@field hour integer 0 to 23.
---@field min integer 0 to 59.
---@field sec integer 0 to 59.
---@field wday integer The day of the week, from 1 for Sunday, as in os.date.
---@field yday integer The day of the year, from 1.

---Returns the time.
---@return number t Seconds since 1970, to the microsecond.
function time.now() end

---Returns how long ago something was.
---@param t number When it was.
---@return number seconds Seconds; negative if it is still to come.
function time.since(t) end

---Writes a time as RFC 3339 has it, in UTC.
---@param t number? Seconds since 1970, UTC; the time of the call by default.
---@return string text Such as 2026-01-02T03:04:05Z, with a fraction where there is one, to the millisecond.
function time.format(t) end

---Reads a time as RFC 3339 has it.
---@param text string Such as 2026-01-02T03:04:05.678+02:00.
---@return number? t Seconds since 1970; nil if it is no time.
---@return string? err Why not.
function time.parse(text) end

---Returns the parts of a time, in UTC.
---@param t number? Seconds since 1970, UTC; the time of the call by default.
---@return time.Date date Its parts.
function time.date(t) end

-- What files of tests have. Each test has a script of its own, freshly loaded, a clock that stands still, and no network.

---What a client presents.
---@class TestConnect
---@field user string?
---@field password string?
---@field token string?
---@field jwt string?
---@field nkey string?
---@field signature string?
---@field nonce string?
---@field name string?
---@field lang string?
---@field version string?
---@field host string? 127.0.0.1 if it is not given.
---@field kind string? STANDARD if it is not given.
---@field tls TLS?

---Who a client is.
---@class TestIdentity
---@field user string?
---@field account string? $G if it is not given.
---@field tags table<string, string>?
---@field permissions Permissions?
---@field name string?
---@field host string?
---@field kind string?

---A client of a test.
---@class TestClient
---@field user string
---@field account string
---@field tags table<string, string>
---@field expires number? When the connection is to end, in Unix seconds.
---@field limits Limits Bounds that the script has set.
---@field publish fun(self, subject: string, payload: string?, options: TestMessage?): Outcome Publishes a message.
---@field subscribe fun(self, subject: string, queue: string?): Outcome Subscribes.

---What a message has besides.
---@class TestMessage
---@field reply string?
---@field headers table<string, string|string[]>?

---What an event is about.
---@class TestEvent
---@field client TestClient?
---@field reason string?
---@field subject string?
---@field queue string?

---An answer of the network.
---@class TestAnswer
---@field status integer? 200 if it is not given.
---@field body string?
---@field headers table<string, string>?
---@field error string? There is no answer, for this reason.

---A request of the script.
---@class TestRequest
---@field method string
---@field url string
---@field body string
---@field headers table<string, string>

---What came of an action. That of connect is a TestClient as well, if it was allowed.
---@class Outcome
---@field allowed boolean It was neither denied nor dropped.
---@field verdict string pass, allow, deny, drop.
---@field by string? Who refused it: hook, permissions or limits.
---@field reason string? Why.
---@field error string? Why the script had no answer.
---@field cached boolean An answer was one that was kept.
---@field subject string? Where a message goes.
---@field payload string? What it contains then.
---@field headers table<string, string[]>? Its headers then, by name in lower case.

---Declares a test, at the top level of the file. It passes if the function returns.
---@param name string What is so if it passes.
---@param fn fun() The test.
function test(name, fn) end

---Gives the script its config. Before anything else in a test.
---@param config table<string, any> As in the configuration of the server.
function settings(config) end

---Has a client connect. Without a hook for that it becomes who it says it is.
---@param request TestConnect? What it presents.
---@return Outcome What came of it.
function connect(request) end

---Is a client that was let in already, without asking the script.
---@param identity TestIdentity? Who it is.
---@return TestClient The client.
function client(identity) end

---Tells the script of an event, and waits until it has heard of it.
---@param type string connect, disconnect, subscribe, unsubscribe, slow_consumer, auth_error, reload.
---@param fields TestEvent? What it is about.
---@return Outcome What came of it.
function event(type, fields) end

---Moves the clock of the script.
---@param seconds number By how much.
function advance(seconds) end

---Says what the network answers to a URL. Of several that fit the newest counts.
---@param url string The URL, or the beginning of one and a *.
---@param answer TestAnswer What is answered.
function http_answer(url, answer) end

---Returns the requests that the script has made.
---@return TestRequest[] In their order.
function http_requests() end

---Returns the content of a file in the folder testdata beside the test.
---@param name string The path below testdata.
---@return string The content.
function fixture(name) end

---Returns what the script has logged, as "level: message key=value".
---@return string[] The lines.
function logs() end

---Returns what the script did to connections by the library clients, as "disconnect user bob: reason".
---@return string[] The acts.
function acts() end

---Fails unless an action was allowed, and the script did not fail.
---@param outcome Outcome Of the action.
function assert_allowed(outcome) end

---Fails unless an action was denied, by the script or by permissions. A script that failed did not deny.
---@param outcome Outcome Of the action.
---@param reason string? A text that the reason contains.
function assert_denied(outcome, reason) end

---Fails unless a message was dropped.
---@param outcome Outcome Of the action.
---@param reason string? A text that the reason contains.
function assert_dropped(outcome, reason) end

---Fails unless the script failed: then on_error decides.
---@param outcome Outcome Of the action.
---@param error string? A text that the error contains.
function assert_failed(outcome, error) end

---Fails unless a message was allowed and reaches subscribers of a pattern.
---@param outcome Outcome Of the publish.
---@param pattern string Of a subscription.
function assert_delivered(outcome, pattern) end

---Fails unless two values are equal; tables are if all in them is.
---@param got any What there is.
---@param want any What there should be.
---@param message string? What is compared.
function assert_equal(got, want, message) end

---Fails if a value is nil or false.
---@param value any The value.
---@param message string? What it says.
function assert_true(value, message) end
