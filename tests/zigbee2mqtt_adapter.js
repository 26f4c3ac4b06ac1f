// A Zigbee adapter without a radio, so that a real Zigbee2MQTT runs without hardware:
//   node -r tests/zigbee2mqtt_adapter.js index.js
// Each line on standard input is one ZCL frame of a device: {"address": 11, "cluster": 1030, "data": "18010a00001801"}.
// Everything else - the database, the converters, the cache of states, MQTT - is Zigbee2MQTT's own.

const {EventEmitter} = require("node:events");
const path = require("node:path");
const readline = require("node:readline");

const herdsman = path.dirname(require.resolve("zigbee-herdsman", {paths: [process.cwd()]}));
const {Adapter} = require(path.join(herdsman, "adapter", "adapter.js"));
const Zcl = require(path.join(herdsman, "zspec", "zcl"));

class WithoutRadio extends EventEmitter {
    hasZdoMessageOverhead = false;
    manufacturerID = 0;

    constructor(network) {
        super();
        this.network = network;
    }

    async start() {
        readline.createInterface({input: process.stdin}).on("line", (line) => {
            const {address, cluster, data} = JSON.parse(line);
            const bytes = Buffer.from(data, "hex");
            this.emit("zclPayload", {
                clusterID: cluster,
                address,
                header: Zcl.Header.fromBuffer(bytes),
                data: bytes,
                endpoint: 1,
                linkquality: 120,
                groupID: 0,
                wasBroadcast: false,
                destinationEndpoint: 1,
            });
        });
        return "resumed";
    }

    async getNetworkParameters() {
        const {panID, channelList} = this.network;
        return {panID, extendedPanID: "0x0101010101010101", channel: channelList[0], nwkUpdateID: 0};
    }

    async getCoordinatorIEEE() {
        return "0x00124b0000000001";
    }

    async getCoordinatorVersion() {
        return {type: "without-radio", meta: {}};
    }

    async supportsBackup() {
        return false;
    }

    waitFor() {
        return {promise: new Promise(() => {}), cancel() {}};
    }

    async sendZdo() {
        throw new Error("no radio");
    }

    async sendZclFrameToEndpoint() {
        throw new Error("no radio");
    }

    async stop() {}
    async reset() {}
    async backup() {}
    async permitJoin() {}
    async sendZclFrameToGroup() {}
    async sendZclFrameToAll() {}
}

Adapter.create = async (network) => new WithoutRadio(network);
