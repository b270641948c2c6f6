//! How a hand-written forward and backward enter burn's dispatch and its autodiff.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, BackendTensor, DType, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, Flex, TensorMetadata,
};
use burn::tensor::{Device, Tensor};
use burn_flex::FlexTensor;

type Tracked = FloatTensor<Autodiff<Flex>>;

/// An operation on `N` tensors of the CPU with a backward written by hand.
pub(crate) trait Operation<const N: usize>: Debug + Clone + Send + 'static {
    /// What the backward needs from the forward.
    type Saved: Debug + Clone + Send + 'static;

    /// Computes the output, and what the backward will need.
    fn forward(&self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Saved);

    /// [`Self::forward`] where nothing will be differentiated: it may write over an input that nobody else holds.
    fn infer(&self, inputs: [FlexTensor; N]) -> FlexTensor {
        self.forward(inputs).0
    }

    /// Turns the output's gradient into those of the inputs. Only the wanted ones are used.
    fn backward(&self, saved: Self::Saved, grad: FlexTensor, wanted: [bool; N]) -> [Option<FlexTensor>; N];
}

/// Whether a tensor lives on the CPU in single precision, so that the fused form may take it.
pub(crate) fn supported<const D: usize>(tensor: &Tensor<D>) -> bool {
    let dispatch = tensor.clone().into_dispatch();
    if dispatch.dtype() != DType::F32 {
        return false;
    }
    match dispatch.kind {
        DispatchTensorKind::Flex(_) => true,
        DispatchTensorKind::Autodiff(inner) => matches!(*inner, DispatchTensorKind::Flex(_)),
        #[allow(unreachable_patterns, reason = "there are further kinds only with a GPU feature")]
        _ => false,
    }
}

/// Whether a device is the CPU, on which the fused forms run.
pub(crate) fn is_cpu(device: &Device) -> bool {
    supported(&Tensor::<1>::empty([1], device))
}

/// Whether a tensor may be asked for a gradient, or leads back to one that may.
pub(crate) fn tracked_by_autodiff(tensor: &DispatchTensor) -> bool {
    tensor.autodiff != DispatchAutodiffContext::Disabled
}

/// Runs an operation, recording its backward where any input is tracked.
///
/// # Panics  when an input is not [`supported`]
pub(crate) fn run<O: Operation<N>, const N: usize>(operation: O, inputs: [DispatchTensor; N]) -> DispatchTensor {
    let context = inputs.iter().fold(DispatchAutodiffContext::Disabled, |context, input| context.merge(input.autodiff));
    if context == DispatchAutodiffContext::Disabled {
        return without_gradient(operation.infer(inputs.map(untracked)));
    }
    let output = DispatchTensorKind::Flex(BackendTensor::Autodiff(record(operation, inputs.map(tracked))));
    DispatchTensor { kind: DispatchTensorKind::Autodiff(Box::new(output)), autodiff: context }
}

/// What an operation that has no gradient gives.
pub(crate) fn without_gradient(output: FlexTensor) -> DispatchTensor {
    let kind = DispatchTensorKind::Flex(BackendTensor::Float(output));
    DispatchTensor { kind, autodiff: DispatchAutodiffContext::Disabled }
}

fn record<O: Operation<N>, const N: usize>(operation: O, inputs: [Tracked; N]) -> Tracked {
    let guards = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| input.into_primitive());
    match Step::<O>(PhantomData).prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = operation.forward(inputs);
            prepared.finish((operation, saved), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(operation.forward(inputs).0),
    }
}

/// What the CPU holds of a tensor without a gradient.
///
/// # Panics  when it is not [`supported`], or tracked
pub(crate) fn untracked(tensor: DispatchTensor) -> FlexTensor {
    match tensor.kind {
        DispatchTensorKind::Flex(tensor) => tensor.float(),
        _ => panic!("the tensor is not one of the CPU without a gradient"),
    }
}

fn tracked(tensor: DispatchTensor) -> Tracked {
    match tensor.kind {
        DispatchTensorKind::Autodiff(inner) => match *inner {
            DispatchTensorKind::Flex(tensor) => tensor.autodiff(),
            _ => unreachable!("the caller asked whether the tensor is supported"),
        },
        DispatchTensorKind::Flex(tensor) => Tracked::new(tensor.float()),
        #[allow(unreachable_patterns, reason = "there are further kinds only with a GPU feature")]
        _ => unreachable!("the caller asked whether the tensor is supported"),
    }
}

/// The backward step of `O`, without state of its own, as burn wants it.
#[derive(Debug)]
struct Step<O>(PhantomData<O>);

impl<O: Operation<N>, const N: usize> Backward<Flex, N> for Step<O> {
    type State = (O, O::Saved);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let (operation, saved) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let results = operation.backward(saved, grad, wanted);
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(parent), Some(result)) = (parent, result) {
                grads.register::<Flex>(parent.id, result);
            }
        }
    }
}
