#include "fake_net.h"
#include <string.h>
#include "env.h"

uint32_t fake_net_header_size(const struct fake_net *net)
{
    return net->virtio.accepted & (VIRTIO_F_VERSION_1 | NET_F_MRG_RXBUF) ? 12 : 10;
}

/* All that the device reads, in a row. */
static uint32_t gather(const struct fake_request *request, uint8_t *to, uint32_t room)
{
    uint32_t length = 0;

    for (unsigned i = 0; i < request->count && !request->pieces[i].write; i++) {
        if (request->pieces[i].length > room - length)
            env_test_fault("virtio net: a frame of more than %u bytes", room);
        memcpy(to + length, request->pieces[i].base, request->pieces[i].length);
        length += request->pieces[i].length;
    }
    return length;
}

static void send(struct fake_net *net, const struct fake_request *request)
{
    static uint8_t bytes[70000 + 12];
    uint32_t head = fake_net_header_size(net);
    uint32_t length = gather(request, bytes, sizeof bytes);

    if (!(net->virtio.accepted & (VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1)) &&
        request->pieces[0].length != head)
        env_test_fault("virtio net: an old device wants the header apart");
    if (length < head + 14)
        env_test_fault("virtio net: a frame without its header");
    net->header = (struct net_header){0};
    memcpy(&net->header, bytes, head);
    net->length = length - head;
    memcpy(net->frame, bytes + head, net->length);
    net->sent++;
    net->sent_bytes += net->length;
    net->sent_by[request->queue / 2]++;
}

static bool command_do(struct fake_net *net, const uint8_t *command, uint32_t length)
{
    const uint8_t *data = command + 2;
    uint32_t count;

    net->commands++;
    if (net->refuse)
        return false;
    switch (command[0] << 8 | command[1]) {
    case 0x000:
        net->promiscuous = data[0];
        return length == 3;
    case 0x001:
        net->all_multicast = data[0];
        return length == 3;
    case 0x100:
        memcpy(&count, data, 4);
        if (length < 10 || count != 0)
            return false;
        memcpy(&net->multicast_count, data + 4, 4);
        memcpy(net->multicast, data + 8, net->multicast_count < 8 ? net->multicast_count * 6 : 48);
        return length == 10 + net->multicast_count * 6;
    case 0x101:
        memcpy(net->address, data, 6);
        return length == 8;
    case 0x400:
        memcpy(&net->pairs, data, 2);
        return length == 4 && net->pairs <= FAKE_NET_PAIRS;
    default:
        return false;
    }
}

static uint32_t serve(struct fake_virtio *virtio, struct fake_request *request)
{
    struct fake_net *net = container_of(virtio, struct fake_net, virtio);
    unsigned control = virtio->accepted & NET_F_MQ ? FAKE_NET_CONTROL : 2;
    uint8_t command[4096];

    if (request->queue != control || !(virtio->accepted & NET_F_CTRL_VQ)) {
        send(net, request);
        return 0;
    }
    const struct fake_piece *ack = &request->pieces[request->count - 1];
    if (request->count < 2 || !ack->write || ack->length != 1)
        env_test_fault("virtio net: a command without room for the answer");
    ack->base[0] = !command_do(net, command, gather(request, command, sizeof command));
    return 1;
}

bool fake_net_receive(struct fake_net *net, unsigned pair, const struct net_header *header,
                      const void *frame, uint32_t length)
{
    static struct fake_request requests[300];
    struct net_header head = header ? *header : (struct net_header){0};
    uint32_t head_size = fake_net_header_size(net), done = 0, buffers = 0, written[300];
    static uint8_t bytes[70000 + 12];
    uint8_t *first = NULL;
    uint32_t total = length + head_size;

    pthread_mutex_lock(&net->virtio.lock);
    memcpy(bytes, &head, head_size);
    memcpy(bytes + head_size, frame, length);
    while (done < total && fake_virtio_take(&net->virtio, 2 * pair, &requests[buffers])) {
        struct fake_request *request = &requests[buffers];
        uint32_t here = 0;
        for (unsigned i = 0; i < request->count && done < total; i++) {
            uint32_t run =
                request->pieces[i].length < total - done ? request->pieces[i].length : total - done;
            if (!first)
                first = request->pieces[i].base;
            memcpy(request->pieces[i].base, bytes + done, run);
            done += run;
            here += run;
        }
        written[buffers++] = here;
        if (!(net->virtio.accepted & NET_F_MRG_RXBUF))
            break;
    }
    bool whole = done == total;
    if (whole && head_size == 12) {
        uint16_t count = (uint16_t)buffers;
        memcpy(first + 10, &count, 2);
    }
    if (whole)
        for (uint32_t i = 0; i < buffers; i++)
            fake_virtio_give(&net->virtio, &requests[i], written[i]);
    pthread_mutex_unlock(&net->virtio.lock);
    return whole;
}

void fake_net_link(struct fake_net *net, bool up)
{
    pthread_mutex_lock(&net->virtio.lock);
    net->virtio.config[6] = up;
    pthread_mutex_unlock(&net->virtio.lock);
    env_test_interrupt_enter();
    if (net->virtio.interrupts_attached)
        virtio_config_interrupt(&net->virtio.device);
    env_test_interrupt_leave();
}

void fake_net_init(struct fake_net *net, uint64_t features)
{
    static const uint8_t address[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

    memset(net, 0, sizeof *net);
    fake_virtio_init(&net->virtio, VIRTIO_ID_NET, features);
    net->virtio.queue_count = features & NET_F_MQ ? 7 : 3;
    net->virtio.queue_size = 32;
    net->virtio.left_alone = 1u | (features & NET_F_MQ ? 0x14u : 0);
    net->virtio.serve = serve;
    memcpy(net->virtio.config, address, 6);
    net->virtio.config[6] = 1;
    net->virtio.config[8] = FAKE_NET_PAIRS;
    net->virtio.config[10] = 1500 & 0xff;
    net->virtio.config[11] = 1500 >> 8;
    net->promiscuous = 1;
    memcpy(net->virtio.device.name, "virtio 00:03.0", 15);
}

void fake_net_free(struct fake_net *net)
{
    fake_virtio_free(&net->virtio);
}
